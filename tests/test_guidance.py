"""Guidance: what a user says of stems, and what models gain by what they are told."""

import numpy as np
import pytest
import soundfile
from listening import SR, leaking, notes
from solving import factorizer, plugin
from test_contract import reachable

from musaic_core.data.notes import Notes
from musaic_core.data.recording import Recording, Track
from musaic_core.lowrank import nmf
from musaic_core.tasks.base import Task
from musaic_core.tasks.dictionary import Dictionary
from musaic_core.tasks.estimate import Estimate
from musaic_core.tasks.given import Given, Hint
from musaic_core.tasks.guidance import User, answer_guided, gains, listened
from musaic_core.tasks.separation import guidance as of_stems
from musaic_core.tasks.separation import task as separation
from musaic_core.tasks.separation.task import Separation
from musaic_core.tasks.transcription import guidance as of_notes
from musaic_core.tasks.transcription.dictionary import adapted_to_notes
from musaic_core.tasks.transcription.spectrogram import FRAME

# what there is to say of stems


@pytest.fixture
def stems():
    """Bass but for 2 to 4 s, lead from 1 to 8 s, and drums from 8 to 16 s."""
    t = np.arange(16 * SR) / SR
    rng = np.random.default_rng(0)
    made = {
        "bass": np.sin(2 * np.pi * 150 * t) * ((t < 2) | (t >= 4)),
        "lead": np.sin(2 * np.pi * 1200 * t) * ((t >= 1) & (t < 8)),
        "drums": rng.normal(0, 0.3, len(t)) * (t >= 8),
    }
    # none is quite silent, so that all are heard in each window
    return {n: (y[None] + 1e-6).astype(np.float32) for n, y in made.items()}


def test_a_listener_hears_where_stems_are_silent_or_alone(stems):
    hints = of_stems.corrections(stems, leaking(stems, 0.3), SR)
    hints = [hint for hint in hints if not hint.is_region]
    solo = {(h.label, h.start, h.end) for h in hints if h.sounds}
    assert solo == {("bass", 0, 1), ("lead", 2, 4)}
    for hint in hints:
        first, last = round(hint.start * SR), round(hint.end * SR)
        silent = np.abs(stems[hint.label][:, first:last]).max() < 1e-5
        assert silent != hint.sounds
        assert 0.5 <= hint.end - hint.start <= 2
        assert listened(np.array([hint.start, hint.end - 1e-6])).all()


def test_the_loudest_mistake_is_noticed_first(stems):
    parts = {name: y.copy() for name, y in stems.items()}
    parts["drums"][:, 4 * SR : 5 * SR] += parts["lead"][:, 4 * SR : 5 * SR]
    parts["lead"][:, 10 * SR : 11 * SR] += 9 * parts["drums"][:, 10 * SR : 11 * SR]
    hints = of_stems.corrections(stems, parts, SR)
    first, second, *_ = (hint for hint in hints if not hint.is_region)
    assert (first.label, first.start, first.sounds) == ("lead", 10, False)
    assert (second.label, second.start, second.sounds) == ("drums", 4, False)


def test_what_is_said_of_stems_depends_on_neither_order_nor_scale(stems):
    parts = leaking(stems, 0.3)
    hints = of_stems.corrections(stems, parts, SR)
    turned = [dict(reversed(given.items())) for given in (stems, parts)]
    loud = [{n: 8 * y for n, y in given.items()} for given in (stems, parts)]
    for changed in (turned, loud):
        assert {*of_stems.corrections(*changed, SR)} == {*hints}
        score = of_stems.score_elsewhere(*changed, SR)
        assert score == pytest.approx(of_stems.score_elsewhere(stems, parts, SR))


def test_to_repeat_what_was_said_of_stems_earns_nothing(stems):
    parts = leaking(stems, 0.3)
    copied = {name: y.copy() for name, y in parts.items()}
    for hint in of_stems.corrections(stems, parts, SR):
        there = slice(round(hint.start * SR), round(hint.end * SR))
        for name, y in copied.items():
            y[:, there] = stems[name][:, there]
    before, after, better = (
        of_stems.score_elsewhere(stems, answer, SR)
        for answer in (parts, copied, leaking(stems, 0.1))
    )
    assert np.isfinite(before)
    assert after == before
    assert better > before + 3


def test_where_all_is_listened_to_there_is_nothing_to_score(stems):
    short = {name: y[:, : 5 * SR] for name, y in stems.items()}
    assert of_stems.corrections(short, leaking(short, 0.3), SR)
    assert np.isnan(of_stems.score_elsewhere(short, leaking(short, 0.3), SR))


def test_which_part_is_which_stem_is_no_hint_either(stems):
    """Where names differ, scores match by what is scored, and hints by the rest."""
    parts = dict(zip("xyz", leaking(stems, 0.3).values(), strict=True))
    heard = listened(np.arange(16 * SR) / SR)
    near = listened(np.arange(16 * SR) / SR, of_stems.MARGIN)
    others = [*stems.values()][1:] + [*stems.values()][:1]
    other, elsewhere = ({n: y.copy() for n, y in parts.items()} for _ in range(2))
    for name, y in zip("xyz", others, strict=True):
        other[name][:, heard] = 9 * y[:, heard]
        elsewhere[name][:, ~near] = 9 * y[:, ~near]
    before, after = (of_stems.score_elsewhere(stems, p, SR) for p in (parts, other))
    assert np.isfinite(before)
    assert after == before
    # names that the model knows, so that hints are given
    known = {"bass": parts["x"], "y": parts["y"], "z": parts["z"]}
    hints = of_stems.corrections(stems, known, SR)
    assert hints
    known |= {n: elsewhere[n] for n in "yz"}
    assert of_stems.corrections(stems, known, SR) == hints


def test_stems_of_names_that_a_model_does_not_know_are_not_spoken_of(stems):
    parts = leaking(stems, 0.3)
    parts["guitar"] = parts.pop("lead")
    hints = of_stems.corrections(stems, parts, SR)
    assert {hint.label for hint in hints} == {"bass", "drums"}


# the user


def test_more_hints_begin_with_the_fewer_and_a_share_of_them_is_wrong():
    said = [Hint(60 + i, 0.0, 1.0) for i in range(200)]
    track = Track("song", {})

    def hints(n, wrong):
        user = User({"song": track}, lambda *_: said, n, wrong, seed=3)
        return user.hints_on("song", None)

    assert hints(64, 0) == tuple(said[:64])
    assert hints(16, 0.1) == hints(64, 0.1)[:16]
    lies = [hint.sounds for hint in hints(200, 0.1)]
    assert 8 <= sum(lies) <= 32


@pytest.mark.parametrize("task", ["amt", "mss", "msa"])
@pytest.mark.parametrize(
    ("name", "value"),
    [("hints", -1), ("hints", 2.5), ("hints", "x"), ("wrong_hints", 1.5)],
)
def test_hints_that_nobody_can_give_are_refused_by_their_name(task, name, value):
    options = {"hints": 4, "wrong_hints": 0, "bars": "heard", name: value}
    heard = [Track("a", dict.fromkeys(["bass", "drums"]), sections_from="a.lab")]
    skipped, reason = plugin(f"objectives/{task}.py", **options).skip(train=heard)
    assert skipped
    assert f"{name} is {value}; give" in reason


def test_nothing_leads_from_a_user_to_the_references():
    reference = notes((0, 1, 60))
    track = Track("song", {}, notes_from=lambda: reference)
    user = User(
        {"song": track},
        lambda track, _: of_notes.corrections(track.notes, reference),
        4,
    )
    found = list(reachable(user))
    assert found
    assert not [t for t in found if isinstance(t, (Track, Notes))]


def test_a_model_that_takes_no_hints_is_not_asked_again():
    tracks = [Track("song", {}), Track("broken", {})]
    user = User({"song": tracks[0]}, lambda *_: [Hint(60, 0.0, 1.0)], 1)
    task = Task([], tracks)

    def estimate(recording):
        return Estimate("answer", error="why" if recording.id == "broken" else "")

    def answer(*how):
        return answer_guided(task, task.test, estimate, *how)

    assert answer(None, None)["song"].hints == ()
    after = answer(user, None)
    assert after["song"].answer == after["song"].before == "answer"
    assert after["song"].hints == (Hint(60, 0.0, 1.0),)
    assert after["broken"].error == "why"
    again = answer(user, lambda recording, hints: Estimate(hints))
    assert again["song"].answer == again["song"].hints
    assert gains(0.5, 0.5, 1)["steering_gain"] == 0


# models that use hints


@pytest.fixture
def song(stems, tmp_path, monkeypatch):
    monkeypatch.setattr(separation, "TEMPLATES", 4)  # for speed
    monkeypatch.setattr(separation, "PATCHES", 2)
    for name, y in stems.items():
        soundfile.write(tmp_path / f"{name}.wav", 0.2 * y.T, SR, subtype="FLOAT")
    return Track("song", {name: tmp_path / f"{name}.wav" for name in stems})


def test_a_stem_alone_adds_its_spectra_to_the_dictionary(song):
    task = Separation([song], [song], list(song.stem_files))
    hints = (Hint("lead", 2.0, 4.0, True), Hint("drums", 0.0, 2.0))
    plain, told = (
        Given(task, task.axes[0], Recording(song), hints=said) for said in ((), hints)
    )
    n = plain.dictionary.templates.shape[1]
    added = told.dictionary.templates[:, n:]
    assert set(told.dictionary.labels[n:]) == {"lead"}
    peaks = told.frequencies[added.sum(1).argmax()]
    assert peaks == 1200
    patches, labels = told.dictionary.patches(2)
    assert patches.shape[1:] == (len(labels), 2)
    assert (labels == "lead").sum() == 2 * (labels == "bass").sum()
    mask = told.mask(np.array(["bass", "lead", "drums"]))["activations"]
    alone, silent = told.frames_of(hints[0]), told.frames_of(hints[1])
    assert not mask[[0, 2], alone].any()
    assert mask[1].all()
    assert not mask[2, silent].any()
    assert mask[0, silent].all()
    assert plain.mask(np.array(["bass"])) is None


class Heard(Task):
    """A task whose only recording is given, in frames of the transcription's."""

    answers, magnitudes, frame = "notes", True, FRAME
    frequencies = np.geomspace(60, 6000, 90)

    def represent(self, recording, axes):
        """Give what the test has set."""
        return self.V


def test_one_note_tells_how_all_others_are_heard():
    hz = Heard.frequencies
    partials = hz / (hz[[10, 14, 21], None] * np.arange(1, 9)[:, None, None])
    spectra = np.exp(-((np.log2(partials) * 30) ** 2)).sum(0).T + 1e-3
    plain = Dictionary(
        spectra / spectra.sum(0),
        np.array([60, 64, 71]),
        lambda length: (np.tile(spectra[..., None], length), np.array([60, 64, 71])),
    )
    response = (hz / 500) ** -0.5
    true = response[:, None] * plain.templates
    true /= true.sum(0)
    H = np.zeros((3, 200))
    H[0, 20:60] = H[1, 40:90] = H[2, 100:150] = 1
    task = Heard([], [Track("song", {})])
    task.V = true @ H
    given = Given(
        task,
        ("frequency", "time"),
        task.test[0],
        hints=[Hint(60, 20 * FRAME, 60 * FRAME, True), Hint(71, 0.0, FRAME)],
    )
    adapted = adapted_to_notes(plain, task.V, given)
    assert adapted.labels.tolist() == [60, 64, 71, 60, 60]
    # of bands that the note has little of, little is known
    for column, pitch, share in ((1, 64, 0.3), (2, 71, 0.9), (3, 60, 0.5)):
        own = true[:, plain.labels == pitch][:, 0]
        before = np.abs(plain.templates[:, plain.labels == pitch][:, 0] - own).sum()
        after = np.abs(adapted.templates[:, column] - own).sum()
        assert after < share * before
    patches, labels = adapted.patches(5)
    assert patches.shape == (90, 4, 5)
    assert labels.tolist() == [60, 64, 71, 60]
    np.testing.assert_allclose(patches[:, 1].sum(1), adapted.templates[:, 1], 1e-6)
    silent = Given(task, given.axes, task.test[0], hints=[Hint(60, 0.0, 1.0)])
    assert adapted_to_notes(plain, task.V, silent) is plain
    # a note where nothing is heard, and one that is denied as well, teach nothing
    for hints in (
        [Hint(60, 180 * FRAME, 190 * FRAME, True)],
        [Hint(60, 20 * FRAME, 30 * FRAME, True), Hint(60, 0.0, 99.0)],
    ):
        told = Given(task, given.axes, task.test[0], hints=hints)
        assert adapted_to_notes(plain, task.V, told) is plain


def test_models_answer_with_what_they_were_told_and_others_stay_as_they_were(song):
    objective = plugin("objectives/mss.py", phase="mixture", hints=99, wrong_hints=0)
    heard = []

    def factorize(V, given):
        heard.append(given.hints)
        W = given.dictionary.templates
        H = np.full((W.shape[1], V.shape[1]), V.mean(), V.dtype)
        mask, held = given.mask(given.dictionary.labels), ("templates",)
        model = nmf(V, W.shape[1], init=(W, H), fixed=held, mask=mask, max_iter=20)
        model.labels = given.dictionary.labels
        return model

    def blindly(V, given):
        return nmf(V, 6, seed=0, max_iter=60)

    rows = {}
    for dictionary, found in (("fixed", factorize), ("blind", blindly)):
        solver = factorizer(found, dictionary)
        objective.set_data(train=[song], test=[song])
        assert solver._set_objective(objective) == (False, None)
        solver.run(None)
        (rows[dictionary],) = objective.evaluate_result(**solver.get_result())
    told = [len(hints) for hints in heard]
    assert told == [0, rows["blind"]["n_hints"]]
    assert rows["fixed"]["n_hints"] == rows["blind"]["n_hints"] > 5
    gained = rows["fixed"]["value"] - rows["fixed"]["value_before"]
    assert rows["fixed"]["steering_gain"] == pytest.approx(gained) != 0
    blind = rows["blind"]  # hints say which stems its components are of
    gained = blind["gain_per_hint"] * blind["n_hints"]
    assert blind["steering_gain"] == pytest.approx(gained) != 0


def test_what_users_will_say_is_nothing_that_is_learned(song):
    tasks, asked = [], []
    for hints in (0, 4):
        objective = plugin(
            "objectives/mss.py", phase="mixture", hints=hints, wrong_hints=0
        )
        objective.set_data(train=[song], test=[song])
        tasks.append(objective.task)
        solver = factorizer(lambda V, _: nmf(V, 4, seed=0))
        solver._set_objective(objective)
        asked.append(solver._asked)
    assert tasks[0] is tasks[1]
    assert asked[0] == asked[1] == {"phase": "mixture"}
