"""A recording through the studio's models, and the same by a benchmark's run."""

import threading
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from studios import little, tune

from musaic_core.data.hints import Hint, write_hints
from musaic_core.data.matching import match_notes
from musaic_core.data.notes import Notes
from musaic_core.data.recording import Recording, Track
from musaic_core.lowrank import beta_divergence
from musaic_core.studio import analysis, kept, models
from musaic_core.studio.analysis import StoppedError, analyse
from musaic_core.tasks.separation.obeyed import obeyed as obeyed_by_stems
from musaic_core.tasks.separation.wiener import HOP, synthesize
from musaic_core.tasks.transcription.obeyed import TOLERANCE, obeyed

SAID = [
    Hint(60, 0.0, 0.45, False),
    Hint(76, 1.0, 1.5, True),
    Hint(67, 5.0, 5.4, True),
]


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    """Questions that learn from little, and once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept, "FOLDER", tmp_path_factory.mktemp("kept"))
        patch.setattr(models, "from_mini", little)
        yield models.questions()


@pytest.fixture
def song(tmp_path):
    """A file, and it as a recording."""
    file = tmp_path / "song.wav"
    file.write_bytes(tune()[0])
    return file, Recording(Track("song.wav", {"mixture": file}))


def offer(question, name, **parameters):
    """A model of a question, which need not be one that the studio has by default."""
    classes = {cls.name: cls for cls in question.benchmark.get_solvers()}
    return models.Offer(question, classes[name], parameters)


def replayed(made, file):
    """What a run of the benchmark gives of the hints beside a recording."""
    part = little(made.question.objective.learns_from)
    objective = made.question.benchmark.get_benchmark_objective().get_instance()
    models.seeded(objective)
    track = Track("song.wav", {"mixture": file})
    hints = {"song.wav": file.with_suffix(".hints.json")}
    objective.set_data(**part, test=[track], hints=hints)
    solver = made.solver_class.get_instance(**made.parameters)
    models.seeded(solver)
    assert solver._set_objective(objective) == (False, None)
    solver.run(None)
    (estimate,) = solver.get_result()["estimates"].values()
    assert estimate.error == ""
    return estimate.answer


# the benchmark and the studio


@pytest.mark.parametrize("dictionary", ["fixed", "blind"])
def test_a_recording_of_one_part_is_answered_as_by_a_run(questions, song, dictionary):
    file, recording = song
    made = offer(questions["notes"], "nmf", dictionary=dictionary, beta=1)
    write_hints(file.with_suffix(".hints.json"), [])
    answer = analyse(made, recording).answer
    np.testing.assert_array_equal(answer.table(), replayed(made, file).table())


def test_corrections_are_replayed_by_a_run(questions, song):
    file, recording = song
    write_hints(file.with_suffix(".hints.json"), SAID)
    # a model that does not go on from its first fit gives the same to the bit
    made = offer(questions["notes"], "nmf", dictionary="blind", beta=1)
    answer = analyse(made, recording, SAID).answer
    np.testing.assert_array_equal(answer.table(), replayed(made, file).table())
    # one that does has about the same minimum
    made = offer(questions["notes"], "nmf", dictionary="fixed", beta=1)
    first = analyse(made, recording)
    answer = analyse(made, recording, SAID, first, first).answer.table()
    again = replayed(made, file).table()
    n_both = len(match_notes(again, answer))
    assert n_both > 10
    assert 2 * n_both >= 0.9 * (len(again) + len(answer))
    for hint in SAID:
        there = [hint.start, hint.end, hint.label] in answer.tolist()
        assert there == hint.sounds
        assert there == ([hint.start, hint.end, hint.label] in again.tolist())


def test_corrections_of_stems_are_replayed_by_a_run(questions, song):
    file, recording = song
    made = offer(questions["stems"], "nmf", dictionary="fixed", beta=1)
    stem = made.question.task.labels[0]
    said = [Hint(stem, 1.0, 3.0, True), Hint(stem, 5.0, 6.0, False)]
    write_hints(file.with_suffix(".hints.json"), said)
    first = analyse(made, recording)
    answer = analyse(made, recording, said, first, first).answer
    again = replayed(made, file)
    level = np.sqrt(np.mean([np.square(y) for y in again.values()]))
    for name, y in answer.items():
        assert np.sqrt(np.mean((y - again[name]) ** 2)) < 0.2 * level


# parts


def test_parts_make_what_the_whole_makes(questions, song, monkeypatch):
    _, recording = song
    made = questions["notes"].models["nmf"]
    whole = analyse(made, recording)
    monkeypatch.setattr(analysis, "SECONDS", {"low-rank": 2.5})
    monkeypatch.setattr(analysis, "CONTEXT", 0.5)
    steps = []
    parts = analyse(made, recording, progress=lambda *done: steps.append(done))
    assert steps == [(i, 3) for i in range(4)]
    kept_columns = [(part.kept.start, part.kept.stop) for part in parts.parts]
    assert kept_columns[0][0] == 0
    assert all(a[1] == b[0] for a, b in pairwise(kept_columns))
    one, other = whole.answer.table(), parts.answer.table()
    n_both = len(match_notes(one, other))
    assert 2 * n_both >= 0.9 * (len(one) + len(other)) > 10


def test_only_parts_that_a_correction_is_about_run_again(questions, song, monkeypatch):
    _, recording = song
    made = questions["notes"].models["nmf"]
    monkeypatch.setattr(analysis, "SECONDS", {"low-rank": 2.5})
    monkeypatch.setattr(analysis, "CONTEXT", 0.5)
    first = analyse(made, recording)
    denied = [Hint(60, 0.0, 0.45, False)]  # which changes no dictionary
    after = analyse(made, recording, denied, first, first)
    assert after.parts[0].model is not first.parts[0].model
    for part, before in zip(after.parts[1:], first.parts[1:], strict=True):
        assert part.model is before.model


def test_an_analysis_stops_after_a_part(questions, song, monkeypatch):

    _, recording = song
    monkeypatch.setattr(analysis, "SECONDS", {"low-rank": 2.5})
    stop = threading.Event()
    with pytest.raises(StoppedError):
        analyse(
            questions["notes"].models["nmf"],
            recording,
            progress=lambda part, of: part == 1 and stop.set(),
            stop=stop,
        )


# fits that go on


@pytest.mark.parametrize("name", ["nmf", "filtered_nmf"])
@pytest.mark.parametrize("said", [SAID[:1], SAID], ids=["denied", "told"])
def test_a_warm_start_ends_as_low_as_a_cold_one(questions, song, name, said):
    _, recording = song
    made = questions["notes"].models[name]
    first = analyse(made, recording)
    ends = []
    for start in (None, first):
        (part,) = analyse(made, recording, said, start).parts
        V = made.solver.given_of(recording).V
        ends.append(float(beta_divergence(V, np.asarray(part.model.reconstruct()), 1)))
        if start:
            assert part.model.n_iter <= first.parts[0].model.n_iter / 2
    assert ends[1] <= 1.08 * ends[0]  # neither has converged


# what a user says holds


@st.composite
def some_notes(draw):
    rows = draw(
        st.lists(
            st.tuples(st.floats(0, 9), st.floats(0.05, 2), st.integers(60, 63)),
            max_size=12,
        )
    )
    return Notes.from_rows([(on, on + d, p, 70, "estimate") for on, d, p in rows])


@st.composite
def some_hints(draw):
    start, length = draw(st.floats(0, 9)), draw(st.floats(0.05, 2))
    return Hint(draw(st.integers(60, 63)), start, start + length, draw(st.booleans()))


@for_all(some_notes(), some_hints())
def test_what_is_said_of_a_note_holds(notes, hint):
    table = obeyed(notes, [hint]).table()
    of_pitch = table[table[:, 2] == hint.label]
    there = (of_pitch[:, :2] == [hint.start, hint.end]).all(1)
    begin = np.abs(of_pitch[:, 0] - hint.start) <= TOLERANCE
    begin |= (hint.start <= of_pitch[:, 0]) & (of_pitch[:, 0] < hint.end - TOLERANCE)
    assert begin.sum() == there.sum() == hint.sounds
    sounding = (of_pitch[:, 0] < hint.start) & (hint.start < of_pitch[:, 1])
    assert not sounding.any()
    # and nothing else changes
    before = notes.table()
    others = table[table[:, 2] != hint.label]
    np.testing.assert_array_equal(others, before[before[:, 2] != hint.label])


@for_all(some_notes(), st.lists(some_hints(), max_size=4))
def test_notes_stay_notes_whatever_is_said(notes, hints):
    table = obeyed(notes, hints).table()
    assert (table[:, 0] < table[:, 1]).all()
    assert (np.diff(table[:, 0]) >= 0).all()
    if not hints:
        np.testing.assert_array_equal(table, notes.table())


@pytest.mark.parametrize("sounds", [True, False])
@pytest.mark.parametrize(("low", "high"), [(0, np.inf), (1000, 3000)])
def test_what_is_said_of_a_stem_holds(sounds, low, high):
    rng = np.random.default_rng(0)
    sr, names = 16000, ["a", "b", "c"]
    y = rng.normal(0, 0.1, (1, 4 * sr)).astype(np.float32)
    found = rng.random((3, 600, 102)).astype(np.float32)
    found[:, :, 40:60] = 0  # where no model heard anything
    was = found.copy()
    hint = Hint("b", 1.0, 3.0, sounds, low, high)
    held = obeyed_by_stems(list(found), names, [hint])
    np.testing.assert_array_equal(found, was)
    stems = synthesize(y, sr, held, power=0.7)
    inside = slice(round(1.2 * sr), round(2.8 * sr))
    spectra = np.abs(np.fft.rfft(stems[:, 0, inside]))
    hz = np.fft.rfftfreq(inside.stop - inside.start, 1 / sr)
    band = (max(low, 50) + 100 < hz) & (hz < min(high, 7000) - 100)
    energy = (spectra[:, band] ** 2).sum(1) / (spectra[:, band] ** 2).sum()
    silent = energy[[0, 2]].sum() if sounds else energy[1]
    assert silent < 1e-3
    elsewhere = np.abs(stems[:, 0, : round(0.8 * sr)]).max(1)
    assert (elsewhere > 1e-3).all()
    if low:
        outside = (spectra[:, hz < 800] ** 2).sum(1)
        assert (outside > 1e-3 * outside.sum()).all()


def test_of_two_that_contradict_each_other_the_later_one_holds():
    notes = Notes.from_rows([(1.0, 2.0, 60, 70, "estimate")])
    there, not_there = Hint(60, 1.0, 2.0, True), Hint(60, 1.0, 2.0, False)
    assert len(obeyed(notes, [there, not_there])) == 0
    assert len(obeyed(notes, [not_there, there])) == 1
    found = [np.ones((600, 50), np.float32)] * 2
    alone, silent = Hint("a", 0.0, 1.0, True), Hint("a", 0.0, 1.0, False)
    frames = slice(0, round(1.0 / HOP))
    for said, loudest in (([silent, alone], 0), ([alone, silent], 1)):
        held = obeyed_by_stems(found, ["a", "b"], said)
        levels = [stem[:, frames].max() for stem in held]
        assert np.argmax(levels) == loudest
        assert min(levels) == 0


def test_what_was_learned_is_kept_and_what_is_broken_is_learned_anew(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(kept, "FOLDER", tmp_path / "kept")
    made = []

    def make():
        made.append(len(made))
        return np.arange(3)

    for _ in range(2):
        np.testing.assert_array_equal(kept.kept({"a": 1}, make), [0, 1, 2])
    assert len(made) == 1
    (file,) = (tmp_path / "kept").iterdir()
    file.write_bytes(b"broken")
    kept.kept({"a": 1}, make)
    kept.kept({"a": 2}, make)
    assert len(made) == 3
