"""Separation: dictionaries, what goes to which stem, and what one's own files cost."""

import numpy as np
import pytest
from conftest import MINI
from separating import BLIND, FIXED, SR, noise, song, tones
from solving import factorizer, plugin, solve

from musaic_core.data.corpus import read_corpus
from musaic_core.lowrank import ncp, nmf
from musaic_core.tasks.given import Given
from musaic_core.tasks.separation import stored
from musaic_core.tasks.separation.scores import mean_sdr
from musaic_core.tasks.separation.task import POWER, Separation
from musaic_core.tasks.separation.wiener import (
    HIGHEST,
    WINDOW,
    bin_frequencies,
    ideal_stems,
    synthesize,
    transform,
)

STEMS = ["bass", "drums", "other", "vocals"]


@pytest.fixture(scope="module")
def tracks():
    """Ten seconds amid each of the embedded songs."""
    return [track.amid(10) for track in read_corpus(MINI / "songs" / "test")]


@pytest.fixture(scope="module")
def songs(tracks):
    """The task to separate them."""
    train = read_corpus(MINI / "songs" / "train-seen")
    return Separation([track.amid(30) for track in train], tracks, STEMS)


@pytest.fixture
def song_task(songs, tracks):
    """The task to separate one of them, which may be changed."""
    task = Separation(songs.train, tracks[:1], STEMS)
    task.dictionary_of = songs.dictionary_of
    return task


@pytest.fixture(scope="module")
def share_of_the_way(tracks):
    """How far estimates are from the mixture (0) to the ideal mask (1), on average."""
    known = {}
    for track in tracks:
        (y, sr), stems = track.audio(), np.stack(list(track.stems().values()))
        parts = np.stack([y / len(stems)] * len(stems))
        low, high = (
            mean_sdr(stems, separated, sr)
            for separated in (parts, ideal_stems(y, sr, stems))
        )
        known[track.id] = stems, sr, low, high

    def share(estimates):
        shares = []
        for name, estimate in estimates.items():
            stems, sr, low, high = known[name]
            separated = np.stack([estimate.answer[stem] for stem in STEMS])
            shares.append((mean_sdr(stems, separated, sr) - low) / (high - low))
        return np.mean(shares)

    return share


@pytest.mark.slow
def test_dictionaries_of_other_songs_go_a_fifth_of_the_way_to_the_ideal_mask(
    songs, share_of_the_way
):
    estimates = solve(songs, FIXED)
    assert share_of_the_way(estimates) > 1 / 5
    labels = next(iter(estimates.values())).evidence.labels
    assert set(labels) == set(STEMS)


@pytest.mark.slow
def test_blind_templates_are_given_to_stems_better_than_by_chance(
    songs, tracks, share_of_the_way
):
    by_rule = solve(songs, BLIND)
    rng = np.random.default_rng(0)
    at_random = Separation(songs.train, tracks, STEMS)
    at_random.dictionary_of = songs.dictionary_of
    at_random.share = lambda W: np.eye(4)[rng.integers(0, 4, W.shape[1])]
    by_chance = solve(at_random, BLIND)
    gain = share_of_the_way(by_rule)
    assert gain > 0.09
    assert gain > share_of_the_way(by_chance) + 0.1


def test_templates_of_the_dictionary_are_given_to_their_own_stems(songs):
    shares = songs.share(songs.dictionary.templates)
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-4)
    given = np.array(songs.labels)[shares.argmax(1)]
    assert (given == songs.dictionary.labels).mean() > 0.9


def test_a_dictionary_has_entries_over_time(songs):
    patches, labels = songs.dictionary.patches(3)
    assert patches.shape == (len(songs.dictionary.templates), len(labels), 3)
    np.testing.assert_allclose(patches.sum((0, 2)), 1, rtol=1e-4)
    assert set(labels) == set(STEMS)
    # that they are of one event shows in their spectra: those of the stem's own
    shares = songs.share(patches.sum(2))
    given = np.array(songs.labels)[shares.argmax(1)]
    assert (given == labels).mean() > 0.7


def test_the_dictionary_depends_on_the_seed(tmp_path):
    track = song(tmp_path / "song", {"bass": 0.1 * noise(1, SR)})
    first, again, other = (
        Separation([track], [], ["bass"], seed=seed).dictionary.templates
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other, atol=1e-3)


def test_a_tensor_model_separates_stereo(song_task, tracks, share_of_the_way):
    def model(V, given):
        W = given.dictionary.templates
        assert V.ndim == 3
        assert V.shape[2] == 2
        start = {"init": (W, None, None), "fixed": (0,), "seed": given.seed}
        model = ncp(V, W.shape[1], beta=1, max_iter=30, **start)
        model.labels = given.dictionary.labels
        return model

    estimates = solve(song_task, factorizer(model, "fixed", n_axes=3))
    assert share_of_the_way(estimates) > 0.05
    (estimate,) = estimates.values()
    y, _ = tracks[0].audio()
    assert np.abs(sum(estimate.answer.values()) - y).max() < 1e-5
    assert estimate.n_parameters == estimate.model.n_parameters > 0


@pytest.mark.parametrize(
    ("n_axes", "largest"), [(2, 2**29), (3, 2**29), (2, 0), (3, 0)]
)
def test_the_spectrograms_of_stems_sum_to_the_model(
    song_task, n_axes, largest, monkeypatch
):
    monkeypatch.setattr(stored, "LARGEST", largest)  # 0: all are in files
    described = []

    def model(V, given):
        fit = nmf if n_axes == 2 else ncp
        found = fit(V, 6, beta=1, max_iter=5, seed=0)
        described.append((found, song_task.describe(found, given), V.shape))
        return found

    (estimate,) = solve(song_task, factorizer(model, n_axes=n_axes)).values()
    found, description, shape = described[-1]
    parts = np.stack(description.magnitudes) ** POWER
    assert parts.shape == (len(STEMS), *shape)
    np.testing.assert_allclose(parts.sum(0), found.reconstruct(), rtol=1e-3, atol=1e-6)
    assert len(estimate.evidence.labels) == found.templates.shape[1]
    assert set(estimate.evidence.labels) <= set(STEMS)


def test_the_tensor_has_the_matrix_as_its_root_mean_square_over_channels(songs):
    V, tensor = (songs.represent(songs.test[0], axes) for axes in songs.axes)
    np.testing.assert_allclose(V, np.sqrt((tensor**2).mean(2)), rtol=1e-5)


def test_what_is_given_has_the_rows_of_v(tmp_path):
    """At a low sampling rate V ends at half of it, though the dictionary goes on."""
    stems = {"bass": 0.1 * noise(1, 2 * SR)}
    fine, coarse = (song(tmp_path / str(sr), stems, sr) for sr in (44100, SR))
    task = Separation([fine], [coarse], ["bass"])
    for axes in task.axes:
        given = Given(task, axes, task.test[0])
        assert len(given.V) == SR / 2 * WINDOW + 1 < len(task.dictionary.templates)
        assert len(given.dictionary.templates) == len(given.V)
        assert len(given.frequencies) == len(given.V)
    assert len(Given(task, axes).dictionary.templates) == round(HIGHEST * WINDOW)


def test_phase_recovery_helps_where_magnitudes_are_known(tracks):
    y, sr = tracks[0].audio()
    stems = np.stack(list(tracks[0].stems().values()))
    spectrograms = np.abs(transform(stems, sr)).transpose(0, 2, 3, 1)
    mixture, misi = (
        mean_sdr(stems, synthesize(y, sr, spectrograms, phase), sr)
        for phase in ("mixture", "misi")
    )
    assert misi > mixture


def test_recordings_that_cannot_be_separated_cost_their_own_row(tmp_path, capsys):
    bass, lead = (0.1 * tones(SR, f)[0] for f in (100, 900))
    good = song(tmp_path / "good", {"bass": bass, "lead": lead})
    short = song(tmp_path / "short", {"mixture": bass[:, :500]})
    odd = song(tmp_path / "odd", {"keys": bass, "voice": lead})
    task = Separation([good, odd], [good, short], ["bass", "lead"])
    estimates = solve(task, FIXED)
    assert estimates["good"].error == ""
    assert "0.03 s are too short to separate" in estimates["short"].error
    assert "odd: has none of the stems bass, lead" in capsys.readouterr().out


def test_each_stem_is_learned_from_the_tracks_that_have_it(tmp_path):
    bass, lead, voice = (0.1 * tones(SR, f)[0] for f in (100, 900, 2000))
    one = song(tmp_path / "one", {"bass": bass, "lead": lead})
    two = song(tmp_path / "two", {"bass": bass, "voice": voice})
    both = Separation([one, two], [one], ["bass", "lead", "voice"]).dictionary
    for name, track in (("lead", one), ("voice", two)):
        alone = Separation([track], [track], ["bass", name]).dictionary
        np.testing.assert_allclose(
            both.templates[:, both.labels == name],
            alone.templates[:, alone.labels == name],
        )


@pytest.mark.parametrize("solver", [FIXED, BLIND])
def test_without_readable_training_stems_each_row_has_a_reason(
    tmp_path, solver, capsys
):
    stems = {name: 0.1 * tones(SR, f)[0] for name, f in (("bass", 100), ("lead", 900))}
    good = song(tmp_path / "good", stems)
    broken = song(tmp_path / f"broken-{solver.dictionary}", stems)
    broken.stem_files["bass"].write_bytes(b"no audio")
    task = Separation([broken], [good], list(stems))
    estimate = solve(task, solver)["good"]
    assert estimate.answer is None
    assert "could be read" in estimate.error
    assert capsys.readouterr().out.count("no sound can be read from it") == 1


def test_training_tracks_of_one_name_are_all_learned_from(tmp_path):
    low, high = (
        song(tmp_path / str(hz), {"bass": 0.1 * tones(SR, hz)[0]}) for hz in (100, 3000)
    )
    low.id = high.id = "song"
    templates = Separation([low, high], [], ["bass"]).dictionary.templates
    loudest = bin_frequencies()[templates.argmax(0)]
    assert {100, 3000} <= set(loudest)


def test_the_objective_takes_corpora_with_other_keys_and_folders_without_stems(
    tmp_path, capsys
):
    stems = {name: 0.1 * tones(SR, f)[0] for name, f in (("bass", 100), ("lead", 900))}
    good = song(tmp_path / "good", stems)
    bare = song(tmp_path / "bare", {"mixture": stems["bass"]})
    objective = plugin("objectives/mss.py", phase="mixture")
    data = {"train": [bare, good], "test": [bare, good], "licence": "unheard of"}
    assert objective.skip(**data) == (False, None)
    objective.set_data(**data)
    assert objective.task.labels == ["bass", "lead"]
    mixture = plugin("solvers/mixture.py")
    assert mixture._set_objective(objective) == (False, None)
    mixture.run(None)
    rows = {r["track"]: r for r in objective.evaluate_result(**mixture.get_result())}
    assert np.isfinite(rows["good"]["value"])
    assert np.isnan(rows["bare"]["value"])
    assert [row["error"] for row in rows.values()] == ["", ""]
    skipped, _ = objective.skip(train=[bare], test=[bare])
    assert skipped
    assert "nothing to separate" in capsys.readouterr().out


def test_a_dictionary_serves_other_sampling_rates(tmp_path):
    rates = (16000, 44100)
    first, second = (
        song(
            tmp_path / str(sr),
            {"bass": 0.1 * tones(sr, 100)[0], "lead": 0.1 * tones(sr, 2000)[0]},
            sr,
        )
        for sr in rates
    )
    for train, test in ((first, second), (second, first)):
        task = Separation([train], [test], ["bass", "lead"])
        (estimate,) = solve(task, FIXED).values()
        _, sr = test.audio()
        stems = np.stack(list(test.stems().values()))
        assert mean_sdr(stems, np.stack(list(estimate.answer.values())), sr) > 20
