"""A recording through the studio's models: in parts, and again after a correction."""

import threading
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from studios import tune

from musaic_core.data.hints import Hint
from musaic_core.data.matching import match_notes
from musaic_core.data.notes import Notes
from musaic_core.data.recording import Recording, Track
from musaic_core.lowrank import beta_divergence
from musaic_core.studio import analysis, kept
from musaic_core.studio.analysis import StoppedError, analyse
from musaic_core.tasks.separation.obeyed import obeyed as obeyed_by_stems
from musaic_core.tasks.separation.wiener import HOP, synthesize
from musaic_core.tasks.transcription.obeyed import TOLERANCE, obeyed

pytest_plugins = ["studios"]
SAID = [
    Hint(60, 0.0, 0.45, False),
    Hint(76, 1.0, 1.5, True),
    Hint(67, 5.0, 5.4, True),
]


@pytest.fixture
def recording(tmp_path):
    file = tmp_path / "song.wav"
    file.write_bytes(tune()[0])
    return Recording(Track("song.wav", {"mixture": file}))


# parts


def test_parts_make_what_the_whole_makes(learned, recording, monkeypatch):
    made = learned["notes"].models["nmf"]
    whole = analyse(made, recording)
    assert not whole.quick
    monkeypatch.setattr(analysis, "CONTEXT", 0.5)
    steps = []
    told = {"longest": 2.5, "progress": lambda *done: steps.append(done)}
    parts = analyse(made, recording, **told)
    assert parts.quick
    assert steps == [(i, 3) for i in range(4)]
    kept_columns = [(part.kept.start, part.kept.stop) for part in parts.parts]
    assert kept_columns[0][0] == 0
    assert all(a[1] == b[0] for a, b in pairwise(kept_columns))
    one, other = whole.answer.table(), parts.answer.table()
    n_both = len(match_notes(one, other))
    assert 2 * n_both >= 0.9 * (len(one) + len(other)) > 10


def test_only_parts_that_a_correction_is_about_run_again(
    learned, recording, monkeypatch
):
    made = learned["notes"].models["nmf"]
    monkeypatch.setattr(analysis, "SECONDS", 2.5)
    monkeypatch.setattr(analysis, "CONTEXT", 0.5)
    first = analyse(made, recording)
    denied = [Hint(60, 0.0, 0.45, False)]  # which changes no dictionary
    after = analyse(made, recording, denied, first, first)
    models = [part.model for part in after.parts]
    assert len(models) == 3
    assert models[0] is not first.parts[0].model
    assert all(model is first.parts[0].model for model in models[1:])
    # nor does one that another correction has not changed anything of
    more = analyse(made, recording, [*denied, Hint(60, 6.0, 6.4, False)], first, after)
    assert more.parts[0].model is after.parts[0].model
    assert more.parts[2].model is not first.parts[0].model


def test_an_analysis_stops_after_a_part(learned, recording):
    stop = threading.Event()
    with pytest.raises(StoppedError):
        analyse(
            learned["notes"].models["nmf"],
            recording,
            longest=2.5,
            progress=lambda part, of: part == 1 and stop.set(),
            stop=stop,
        )


# fits that go on


@pytest.mark.parametrize("name", ["nmf", "filtered_nmf"])
@pytest.mark.parametrize("said", [SAID[:1], SAID], ids=["denied", "told"])
def test_a_warm_start_ends_as_low_as_a_cold_one(learned, recording, name, said):
    made = learned["notes"].models[name]
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
