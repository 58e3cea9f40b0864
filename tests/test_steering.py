"""Steering: what requests score, and how components answer them."""

import numpy as np
import pytest
import soundfile
from solving import factorizer, plugin, solve

from musaic_core.benchmark import solver as benchmark_solver
from musaic_core.benchmark.corpora import MINI
from musaic_core.data.notes import read_midi
from musaic_core.data.recording import Track
from musaic_core.lowrank import nmf
from musaic_core.tasks.separation.task import Separation
from musaic_core.tasks.separation.wiener import inverse_transform, transform
from musaic_core.tasks.steering.scores import (
    GONE,
    decibels,
    steering_scores,
    untouched_sdr,
    with_the_rest,
)
from musaic_core.tasks.steering.task import Steering

SR = 8000
NAMES = ("bass", "drums", "lead")


def orthogonal_stems(levels=(1.0, 1.0, 1.0), n=4096):
    """Stems of two channels that have nothing in common."""
    t = np.arange(n) / n
    waves = [np.sin(2 * np.pi * cycles * t) for cycles in (50, 110, 270)]
    return {
        name: level * np.stack([wave, wave]).astype(np.float32)
        for name, level, wave in zip(NAMES, levels, waves, strict=True)
    }


def mixed(stems, leak):
    """Parts that have a share of the recording in place of a share of their stem."""
    mixture = sum(stems.values())
    return {
        name: (1 - leak) * y + leak * mixture / len(stems) for name, y in stems.items()
    }


# scores


def test_the_true_stems_reach_what_is_asked_and_spill_nothing():
    stems = orthogonal_stems((1, 0.1, 3))
    scores = steering_scores(stems, stems)
    assert scores["reach"] == pytest.approx(1)
    assert scores["spill"] == pytest.approx(0, abs=1e-9)
    assert scores["sdr"] == np.inf
    requests = {"muted", "halved", "doubled", *NAMES}
    assert {f"reach_{request}" for request in requests} < set(scores)


def test_parts_that_know_nothing_move_all_stems_alike():
    stems = orthogonal_stems()
    scores = steering_scores(stems, mixed(stems, 1))
    # of three stems, with one of them muted, each is at two thirds
    moved = 20 * np.log10(3 / 2)
    assert scores["reach_muted"] == pytest.approx(moved / GONE, rel=1e-4)
    assert scores["spill_muted"] == pytest.approx(moved, rel=1e-4)
    # 2 of energy, and 2/3 for the one and 1/3 for each of the two others that is wrong
    assert scores["sdr_muted"] == pytest.approx(10 * np.log10(2 / (6 / 9)), rel=1e-4)


def test_parts_that_are_half_wrong_lie_between():
    stems = orthogonal_stems((1, 0.5, 2))
    right, half, wrong = (
        steering_scores(stems, mixed(stems, leak)) for leak in (1e-3, 0.5, 1)
    )
    for better, worse in ((right, half), (half, wrong)):
        for suffix in ("", "_muted", "_halved", "_doubled"):
            assert better[f"sdr{suffix}"] > worse[f"sdr{suffix}"] + 1
            assert better[f"reach{suffix}"] > worse[f"reach{suffix}"] + 0.05
            assert better[f"spill{suffix}"] < worse[f"spill{suffix}"] - 0.1


def test_the_untouched_recording_lacks_what_is_asked_for():
    # of three stems of energy 1: what the answer has, over what is wrong of one stem
    ratios = [2 / 1, (2 + 0.25) / 0.25, (2 + 4) / 1]
    expected = np.mean(10 * np.log10(ratios))
    assert untouched_sdr(orthogonal_stems()) == pytest.approx(expected, rel=1e-4)


def test_scores_do_not_depend_on_scale_or_order():
    stems = orthogonal_stems((1, 0.5, 2))
    parts = mixed(stems, 0.4)
    scores = steering_scores(stems, parts)
    loud = [{n: 100 * y for n, y in ys.items()} for ys in (stems, parts)]
    turned = [dict(reversed(ys.items())) for ys in (stems, parts)]
    for changed in (loud, turned):
        again = steering_scores(*changed)
        assert again == pytest.approx(scores, rel=1e-4)


def test_what_has_another_sign_or_is_gone_has_a_level():
    assert decibels(0) == -GONE
    assert decibels(-0.5) == decibels(0.5) == pytest.approx(-6.02, abs=0.01)
    assert decibels(1e9) == GONE


def test_silent_stems_are_not_asked_for():
    stems = orthogonal_stems((1, 0, 2))
    scores = steering_scores(stems, stems)
    assert scores["reach"] == pytest.approx(1)
    assert "reach_drums" not in scores
    assert "reach_bass" in scores


def test_stems_that_are_the_same_are_no_fault():
    stems = orthogonal_stems()
    stems["drums"] = stems["bass"].copy()
    assert all(np.isfinite(v) for v in steering_scores(stems, mixed(stems, 1)).values())


def test_what_a_model_has_no_part_for_stays_as_it_is():
    stems = orthogonal_stems((1, 0.5, 2))
    y = sum(stems.values())
    # of another name: nothing is asked of it
    told = with_the_rest(stems, {"other": y / 2}, y)
    scores = steering_scores(*told)
    assert scores["sdr"] == pytest.approx(untouched_sdr(stems))
    assert scores["reach"] == pytest.approx(0, abs=1e-6)
    assert scores["spill"] == pytest.approx(0, abs=1e-6)
    # one that is known is turned, and nothing else
    one = steering_scores(*with_the_rest(stems, {"bass": stems["bass"]}, y))
    assert one["reach_bass"] == pytest.approx(1, abs=1e-5)
    assert one["reach_lead"] == pytest.approx(0, abs=1e-5)
    assert one["spill"] == pytest.approx(0, abs=1e-5)
    for suffix in ("", "_muted", "_halved", "_doubled"):
        assert one[f"reach{suffix}"] == pytest.approx(1 / 3, abs=1e-5)
    perfect = steering_scores(*with_the_rest(stems, stems, y))
    assert perfect["reach"] == pytest.approx(1)
    assert perfect["sdr"] > 100


# the task


@pytest.fixture
def song(tmp_path):
    """Two seconds of a low and a high tone in noise, each with a rhythm of its own."""
    t = np.arange(2 * SR) / SR
    rng = np.random.default_rng(0)
    stems = {
        "bass": np.sin(2 * np.pi * 150 * t) * (t % 1 < 0.7),
        "lead": 0.5 * np.sin(2 * np.pi * 1200 * t) * (t % 0.5 < 0.3),
    }
    for name, y in stems.items():
        y = 0.3 * y + rng.normal(0, 1e-3, len(t))
        soundfile.write(tmp_path / f"{name}.wav", y, SR, subtype="FLOAT")
    return Track("song", {name: tmp_path / f"{name}.wav" for name in stems})


@pytest.fixture(scope="module", params=["pitches", "instruments"])
def sampled(request):
    """Three seconds of a chorale, and what models learn from to steer it."""
    options = {"part": "quartets", "tracks": 1, "seconds": 3, "knobs": request.param}
    return request.param, plugin("datasets/sampled.py", **options).get_data()


def fitted(V, given):
    model = nmf(V, 6, beta=1, seed=0, max_iter=30)
    model.labels = np.array(["bass", "lead"] * 3)
    return model


def test_what_is_learned_to_separate_serves_steering_too(song):
    states = []
    for task in (Separation, Steering):
        solver = plugin("solvers/unet.py", steps=2)
        solver.set_task(task([song], [song], ["bass", "lead"]))
        solver._asked = {"phase": "misi"} if task is Separation else {}
        states.append(solver.state_depends_on())
    assert states[0] == states[1]
    assert "phase" not in states[0]["task"]


@pytest.mark.parametrize("power", [None, 1, 2])
def test_components_answer_as_the_model_reconstructs_with_their_gains(song, power):
    task = Steering([song], [song], ["bass", "lead"])
    solver = factorizer(fitted)
    type(solver).exponent = power
    estimate = solve(task, solver)["song"]
    gains = {"bass": 0.25, "lead": 3.0}
    answer = sum(gain * estimate.answer[name] for name, gain in gains.items())
    model = estimate.model
    turned = model.reconstruct(np.array([gains[label] for label in model.labels]))
    y, sr = song.audio()
    spectrum = transform(y, sr)
    assert spectrum.shape[1:] == turned.shape
    expected = spectrum * turned / (model.reconstruct() + 1e-30)
    expected = inverse_transform(expected, sr, y.shape[1])
    np.testing.assert_allclose(answer, expected, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_allclose(sum(estimate.answer.values()), y, atol=1e-5)


# single notes


def test_what_is_played_is_the_sum_of_what_its_knobs_give(sampled):
    knobs, data = sampled
    (piece,) = data["test"]
    score = read_midi(MINI / "quartets/test" / piece.id / "notes.mid").between(0, 3)
    expected = score.pitches if knobs == "pitches" else score.parts
    assert set(piece.stem_files) == set(map(str, expected))
    y, sr = piece.audio()
    stems = piece.stems()
    np.testing.assert_allclose(sum(stems.values()), y, atol=1e-6)
    for name, stem in stems.items():
        of_stem = score.intervals[np.array([*map(str, expected)]) == name]
        begin, end = (of_stem[:, 0].min(), of_stem[:, 1].max() + 0.11)
        heard = np.flatnonzero(np.abs(stem).max(0)) / sr
        assert begin - 1e-4 <= heard.min() < begin + 0.1
        assert heard.max() < end


def test_no_model_has_heard_what_is_played_or_knows_what_occurs(sampled):
    knobs, data = sampled
    (piece,) = data["test"]
    heard = [*data["isolated"], *data["train"]]
    assert len(heard) == (1 if knobs == "pitches" else 10)
    assert not data["isolated"] or not data["train"]
    told = [source for track in heard for source in track.stem_files.values()]
    files = {str(f) for s in told for f in (s.args[1] if knobs == "pitches" else [s])}
    assert all("-unseen" in file for file in files)
    played = {str(f) for s in piece.stem_files.values() for f in s.args[1]}
    assert all("notes-seen" in file for file in played)
    assert piece.id not in {track.id for track in heard}
    assert all({*piece.stem_files} <= {*track.stem_files} for track in heard)


def answered(data, name, **parameters):
    """The row of a solver's answer to what `sampled` asks for, or why there is none."""
    objective, solver = (
        plugin("objectives/steering.py"),
        plugin(f"solvers/{name}.py", **parameters),
    )
    objective.set_data(**data)
    skipped, reason = solver._set_objective(objective)
    if skipped:
        return reason
    solver.run(None)
    (row,) = objective.evaluate_result(**solver.get_result())
    return row


def test_components_turn_the_pitches_and_instruments_that_they_stand_for(sampled):
    knobs, data = sampled
    options = {"dictionary": "fixed", "beta": 1, "rank": 40, "n_iter": 30}
    found = answered(data, "nmf", **options)
    ceiling, floor = answered(data, "ideal_mask"), answered(data, "mixture")
    objective = plugin("objectives/steering.py")
    objective.set_data(**data)
    labels = objective.task.labels
    assert set(objective.task.dictionary.labels) == set(labels)
    assert len(labels) == (44 if knobs == "pitches" else 4)
    assert floor["reach"] + 0.05 < found["reach"] < ceiling["reach"] < 1
    assert found["sdr_mixture"] < found["value"] < found["sdr_oracle"]
    assert ceiling["value"] == pytest.approx(found["sdr_oracle"])
    metrics = {name for name in found if name.startswith(("sdr", "reach", "spill"))}
    # whatever the pitches are; each instrument has its own
    assert len(metrics) == 3 * 4 + 2 + (0 if knobs == "pitches" else 3 * 4)


def test_a_network_answers_for_instruments_and_learns_no_pitches(
    sampled, tmp_path, monkeypatch
):
    knobs, data = sampled
    monkeypatch.setattr(benchmark_solver, "_cache_folder", lambda: tmp_path)
    few = data | {"train": data["train"][:2]}
    row = answered(few, "unet", steps=2, minutes=None)
    if knobs == "pitches":
        assert "here are single notes; sampled[knobs=instruments]" in row
    else:
        assert row["error"] == ""
        assert np.isfinite(row["reach_violin"])


def test_a_separator_that_knows_no_pitch_leaves_the_recording_as_it_is():
    """It is asked, as it learns nothing, and answers by the stems that it has."""
    options = {"part": "quartets", "tracks": 1, "seconds": 3, "knobs": "pitches"}
    objective = plugin("objectives/steering.py")
    objective.set_data(**plugin("datasets/sampled.py", **options).get_data())
    (piece,) = objective.references.values()
    y, _ = piece.audio()
    scores = objective.score(piece, {"vocals": 0.3 * y, "drums": 0.7 * y})
    assert scores["sdr"] == pytest.approx(scores["sdr_mixture"])
    assert scores["reach"] == pytest.approx(0, abs=1e-6)
    assert scores["spill"] == pytest.approx(0, abs=1e-6)


# the objective


def rows_of(objective, solver, track):
    objective.set_data(train=[track], test=[track])
    assert solver._set_objective(objective) == (False, None)
    solver.run(None)
    return objective.evaluate_result(**solver.get_result())


def test_floor_and_ceiling_are_those_of_the_solvers_of_that_name(song):
    objective = plugin("objectives/steering.py")
    ceiling, floor = (
        rows_of(objective, plugin(f"solvers/{name}.py"), song)[0]
        for name in ("ideal_mask", "mixture")
    )
    assert ceiling["value"] == pytest.approx(ceiling["sdr_oracle"])
    assert ceiling["sdr_mixture"] == floor["sdr_mixture"] < floor["value"]
    assert floor["value"] < ceiling["value"]
    assert floor["reach"] < 0.5 < ceiling["reach"]
    assert ceiling["spill"] < floor["spill"]


def test_recordings_without_two_stems_that_sound_have_no_score(song, tmp_path, capsys):
    objective = plugin("objectives/steering.py")
    alone = Track("alone", {"mixture": song.stem_files["bass"]})
    skipped, _ = objective.skip(train=[song], test=[alone])
    assert skipped
    assert "nothing to ask for" in capsys.readouterr().out
    assert objective.skip(train=[song], test=[alone, song]) == (False, None)
    y, _ = song.audio()
    soundfile.write(tmp_path / "silence.wav", 0 * y.T, SR, subtype="FLOAT")
    quiet = Track("quiet", song.stem_files | {"lead": tmp_path / "silence.wav"})
    (row,) = rows_of(objective, plugin("solvers/mixture.py"), quiet)
    assert "less than two of its stems sound" in row["error"]
    assert np.isnan(row["value"])
