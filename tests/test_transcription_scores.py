"""How good estimated notes are."""

import warnings

import mir_eval
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musaic_core.data.f0 import F0
from musaic_core.data.matching import match_notes
from musaic_core.data.notes import Notes
from musaic_core.tasks.transcription.decoder import no_notes
from musaic_core.tasks.transcription.scores import (
    f0_scores,
    note_scores,
    transcription_scores,
)
from musaic_core.tasks.transcription.velocities import velocity_scores

ERRORS = ("substitution", "miss", "false_alarm", "total")
METRICS = {
    **dict.fromkeys(("onset", "note"), ("precision", "recall", "f1")),
    **dict.fromkeys(("frame", "chroma"), ("precision", "recall", "accuracy", *ERRORS)),
}
SCORES = [f"{of}_{metric}" for of, metrics in METRICS.items() for metric in metrics]

notes = st.lists(
    st.tuples(
        st.floats(0, 9).map(lambda time: round(time, 3)),
        st.floats(0.05, 1),
        st.integers(21, 108),
    ),
    min_size=1,
    max_size=20,
    unique_by=lambda note: (note[2], note[0]),
).map(lambda rows: Notes.from_rows((t, t + length, p, 80, "") for t, length, p in rows))

whatever = settings(deadline=None, max_examples=50, database=None)


@whatever
@given(reference=notes)
def test_the_reference_itself_scores_one(reference):
    scores = transcription_scores(reference, reference, 10.0)
    assert set(scores) == set(SCORES)
    for name in ("onset_f1", "note_f1", "onset_precision", "note_recall"):
        assert scores[name] == 1
    # a frame that no note reaches counts for nothing
    assert scores["frame_accuracy"] == scores["frame_precision"] == 1
    assert scores["chroma_accuracy"] == 1


@whatever
@given(reference=notes, estimate=notes)
def test_frequencies_that_notes_have_score_as_the_notes_do(reference, estimate):
    times = np.arange(0, 10, 0.05)
    onsets, offsets = reference.intervals.T[:, :, None]
    active = (onsets <= times) & (times < offsets)
    f0 = F0(times, np.where(active, reference.hz[:, None], 0).T)
    of_notes = transcription_scores(reference, estimate, 10.0)
    of_frequencies = f0_scores(f0, estimate)
    assert set(of_frequencies) == {
        name for name in SCORES if name.startswith(("frame", "chroma"))
    }
    assert of_frequencies == {name: of_notes[name] for name in of_frequencies}


@pytest.mark.parametrize(("cents", "recall"), [(40, 1), (-40, 1), (60, 0), (-60, 0)])
def test_a_note_is_right_within_a_quarter_tone_of_what_sounds(cents, recall):
    played = Notes.from_rows([(0, 1, 69, 80, "")])
    hz = np.full((50, 1), 440 * 2 ** (cents / 1200))
    scores = f0_scores(F0(np.arange(50) / 50, hz), played)
    assert scores["frame_recall"] == scores["frame_precision"] == recall


@whatever
@given(reference=notes)
def test_silence_scores_zero(reference):
    scores = transcription_scores(reference, no_notes(), 10.0)
    assert set(scores) == set(SCORES)
    # each pitch that sounds is missed, if one reaches a frame
    errors = {f"{of}_{error}" for of in ("frame", "chroma") for error in ERRORS}
    missed = {s for s in errors if s.endswith(("miss", "total"))}
    assert {scores[name] for name in missed} <= {0, 1}
    assert not any(score for name, score in scores.items() if name not in missed)


@whatever
@given(reference=notes, estimate=notes)
def test_scores_lie_between_zero_and_one(reference, estimate):
    scores = transcription_scores(reference, estimate, 10.0)
    unbounded = {f"{of}_{m}" for of in ("frame", "chroma") for m in ERRORS[2:]}
    assert all(0 <= scores[name] <= 1 for name in set(SCORES) - unbounded)
    for of in ("frame", "chroma"):  # what is not right is missed, or something else
        *parts, total = (scores[f"{of}_{error}"] for error in ERRORS)
        assert total == pytest.approx(sum(parts))
        right = 1 - scores[f"{of}_substitution"] - scores[f"{of}_miss"]
        assert right in (pytest.approx(scores[f"{of}_recall"]), 1)
    assert scores["note_f1"] <= scores["onset_f1"]
    assert scores["frame_accuracy"] <= scores["chroma_accuracy"] + 1e-12


@pytest.mark.parametrize(("shift", "right"), [(0.03, 1), (-0.03, 1), (0.07, 0)])
def test_an_onset_is_right_within_50_ms(shift, right):
    reference = Notes.from_rows([(1.0, 2.0, 60, 80, "")])
    estimate = Notes.from_rows([(1.0 + shift, 2.0, 60, 80, "")])
    assert transcription_scores(reference, estimate, 3.0)["onset_f1"] == right


def test_an_octave_error_counts_as_right_only_for_chroma():
    reference = Notes.from_rows([(1.0, 2.0, 60, 80, "")])
    estimate = Notes.from_rows([(1.0, 2.0, 72, 80, "")])
    scores = transcription_scores(reference, estimate, 3.0)
    assert scores["chroma_accuracy"] == 1
    assert scores["onset_f1"] == scores["note_f1"] == scores["frame_accuracy"] == 0


def test_a_note_cut_short_is_right_for_its_onset_only():
    reference = Notes.from_rows([(1.0, 2.0, 60, 80, "")])
    estimate = Notes.from_rows([(1.0, 1.5, 60, 80, "")])
    scores = transcription_scores(reference, estimate, 3.0)
    assert (scores["onset_f1"], scores["note_f1"]) == (1, 0)
    assert scores["frame_precision"] == 1
    assert scores["frame_recall"] == pytest.approx(0.5, abs=0.03)


def many_notes(rng, n, seconds):
    """Notes that often lie within each other's tolerances."""
    onsets = rng.uniform(0, seconds, n).round(2)
    lengths = rng.choice([0.05, 0.1, 0.3], n)
    pitches = rng.integers(60, 64, n)
    return Notes.from_rows(
        (t, t + length, int(p), 80, "")
        for t, length, p in zip(onsets, lengths, pitches, strict=True)
    )


@pytest.mark.parametrize("offset_ratio", [None, 0.2])
@pytest.mark.parametrize("seed", range(5))
def test_notes_are_matched_as_mir_eval_does(seed, offset_ratio):
    rng = np.random.default_rng(seed)
    true, found = many_notes(rng, 120, 6), many_notes(rng, 100, 6)
    columns = true.intervals, true.hz, found.intervals, found.hz
    matches = match_notes(true.table(), found.table(), offset_ratio)
    theirs = mir_eval.transcription.match_notes(*columns, offset_ratio=offset_ratio)
    assert matches == theirs
    scores = mir_eval.transcription.precision_recall_f1_overlap(
        *columns, offset_ratio=offset_ratio
    )
    assert note_scores(true, found, offset_ratio) == scores[:3]


def test_pitches_between_the_keys_are_matched_within_a_quarter_tone():
    true = np.array([[0.0, 1.0, 60.0], [0.0, 1.0, 62.2], [2.0, 3.0, 70.0]])
    found = np.array([[0.01, 1.0, 60.45], [0.0, 1.0, 61.6], [2.0, 3.0, 69.6]])
    assert match_notes(true, found) == [(0, 0), (2, 2)]


def test_frames_are_those_of_mir_eval_in_any_number():
    rng = np.random.default_rng(0)
    true, found = many_notes(rng, 300, 120), many_notes(rng, 300, 120)
    times = np.arange(0, 120.0, 0.05)  # more than are compared at once
    scores = transcription_scores(true, found, 120.0)

    def sounding(notes):
        active = (notes.intervals[:, :1] <= times) & (times < notes.intervals[:, 1:])
        return [notes.hz[frame] for frame in active.T]

    with warnings.catch_warnings(action="ignore"):  # of frames without notes
        theirs = mir_eval.multipitch.metrics(
            times, sounding(true), times, sounding(found)
        )
    assert [scores[name] for name in SCORES[6:]] == list(theirs)


def test_pitches_that_mir_eval_does_not_compare_in_frames_are_left_out_of_them():
    played = [(1.0, 2.0, 60, 80, ""), (3.0, 4.0, 64, 80, "")]
    extreme = [(0.5 * i, 0.5 * i + 0.4, p, 80, "") for i, p in enumerate(range(16))]
    extreme += [
        (8 + i / 9, 9 + i / 9, p, 80, "") for i, p in enumerate(range(112, 128))
    ]
    reference = Notes.from_rows(played + extreme)
    alone = transcription_scores(Notes.from_rows(played), Notes.from_rows(played), 12.0)
    scores = transcription_scores(reference, Notes.from_rows(played), 12.0)
    assert scores["frame_accuracy"] == alone["frame_accuracy"] == 1
    assert scores["onset_recall"] == 2 / 34  # they are notes all the same
    itself = transcription_scores(reference, reference, 12.0)
    assert itself["onset_f1"] == itself["frame_accuracy"] == 1


# velocities

loud = st.lists(
    st.tuples(st.integers(21, 108), *[st.integers(1, 127)] * 2, st.booleans()),
    min_size=2,
    max_size=20,
)


def notes_of(pitches, velocities):
    """A note every two seconds; none where there is no velocity."""
    return Notes.from_rows(
        (2.0 * n, 2.0 * n + 1, pitch, velocity, "")
        for n, (pitch, velocity) in enumerate(zip(pitches, velocities, strict=True))
        if velocity is not None
    )


@whatever
@given(played=loud)
def test_velocities_are_scored_as_by_mir_eval(played):
    pitches, velocities, *_ = zip(*played, strict=True)
    reference = notes_of(pitches, velocities)
    heard = [told if is_heard else None for _, _, told, is_heard in played]
    estimate = notes_of(pitches, heard)
    scores = velocity_scores(reference, estimate)
    if len(set(reference.velocities)) < 2:
        assert scores == {}
        return
    if not len(estimate):
        assert set(scores.values()) == {0}
        return
    tables = ((n.intervals, n.hz, n.velocities) for n in (reference, estimate))
    wanted = mir_eval.transcription_velocity.precision_recall_f1_overlap(
        *(array for table in tables for array in table), offset_ratio=None
    )[:3]
    assert list(scores.values()) == pytest.approx(wanted)


@whatever
@given(played=loud, scale=st.floats(0.1, 3), shift=st.floats(-20, 20))
def test_no_scale_of_velocities_is_asked_for(played, scale, shift):
    pitches, velocities, *_ = zip(*played, strict=True)
    reference, estimate = (notes_of(pitches, velocities) for _ in range(2))
    estimate.velocities = scale * estimate.velocities + shift
    scores = velocity_scores(reference, estimate)
    assert set(scores.values()) == ({1.0} if scores else set())
