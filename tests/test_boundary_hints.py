"""What a user says of sections: the decoder takes it, and copying it earns nothing."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from conftest import MINI
from solving import factorizer, plugin

from musaic_core.data.corpus import read_corpus
from musaic_core.data.hints import BOUNDARY, Hint
from musaic_core.lowrank import nmf
from musaic_core.tasks.structure.decoder import SEGMENTATIONS, SectionDecoder
from musaic_core.tasks.structure.guidance import (
    LISTENING,
    corrections,
    known_boundaries,
    score_elsewhere,
)


def sections(*starts, end=120.0):
    ends = [*starts[1:], end]
    return pd.DataFrame({"start": starts, "end": ends, "label": "A"}, dtype=object)


def of_time(time, begins=True):
    return Hint(BOUNDARY, time, time, begins)


def verse_and_chorus(rng, lengths=(8, 8, 8, 8)):
    """Bars of two kinds, in turns, with some noise."""
    kinds = np.repeat(np.arange(len(lengths)) % 2, lengths)
    return np.eye(2)[kinds] + rng.normal(0, 0.05, (len(kinds), 2))


# the decoder


@pytest.mark.parametrize("segmentation", SEGMENTATIONS)
@pytest.mark.parametrize("seed", range(5))
def test_boundaries_are_where_they_are_known_to_be_and_nowhere_else(segmentation, seed):
    rng = np.random.default_rng(seed)
    X = verse_and_chorus(rng, (7, 9, 4, 6))
    known = rng.choice([-1, 0, 1], len(X) + 1, p=[0.3, 0.6, 0.1])
    known *= np.where(known > 0, np.arange(len(known)) + 1, 1)
    known[5:8], known[20:22] = 50, 60  # some one of them
    _, boundaries, labels = SectionDecoder(segmentation).decode(X, known)
    assert {0, len(X)} <= {*boundaries}
    for number in {*known[known > 0]}:
        assert {*boundaries} & {*np.flatnonzero(known == number)}
    assert not {*boundaries[1:-1]} & {*np.flatnonzero(known < 0)}
    assert (np.diff(boundaries) > 0).all()
    assert len(labels) == len(boundaries) - 1


@pytest.mark.parametrize("segmentation", SEGMENTATIONS)
def test_nothing_known_changes_nothing(segmentation):
    X = verse_and_chorus(np.random.default_rng(0), (7, 9, 4, 6))
    decoder = SectionDecoder(segmentation)
    known = np.zeros(len(X) + 1, int)
    np.testing.assert_array_equal(decoder.decode(X)[1], decoder.decode(X, known)[1])


@pytest.mark.parametrize("segmentation", SEGMENTATIONS)
@pytest.mark.parametrize("seed", range(5))
def test_to_be_told_what_was_found_changes_nothing(segmentation, seed):
    """A boundary is known as well as it is scored: its bar is the model's to find."""
    rng = np.random.default_rng(seed)
    decoder = SectionDecoder(segmentation)
    X = verse_and_chorus(rng, (7, 9, 4, 6)) + rng.normal(0, 0.1, (26, 2))
    bars = np.arange(27) * 2.0
    found = decoder.decode(X)[1]
    estimate = sections(*bars[found[:-1]], end=52.0)
    times, room = bars[found[1:-1]], np.diff(bars[found])
    moved = times + rng.uniform(-2.9, 2.9, len(times))
    far = np.minimum(room[1:], room[:-1]) >= 8
    moved = np.where(far & (moved // LISTENING == times // LISTENING), moved, times)
    hints = corrections(sections(0.0, *moved, end=52.0), estimate)
    known = known_boundaries(hints, bars)
    np.testing.assert_array_equal(decoder.decode(X, known)[1], found)


@pytest.mark.parametrize("segmentation", SEGMENTATIONS)
@pytest.mark.parametrize("seed", range(5))
def test_where_nothing_is_said_the_answer_stays_as_it_was(segmentation, seed):
    """Also where eight bars are preferred, and hints leave no room for them."""
    rng = np.random.default_rng(seed)
    X = 1 + np.repeat(rng.normal(0, 0.6, (8, 4)), 8, axis=0)
    decoder = SectionDecoder(segmentation)
    if segmentation.startswith("cbm"):
        decoder._options = {"weight": 4}
    found = decoder.decode(X)[1]
    known = np.zeros(65, int)
    known[[19, 45]], known[found[len(found) // 2]] = (1, 2), -1
    again = decoder.decode(X, known)[1]
    assert {*found[known[found] == 0]} <= {*again}
    said = np.flatnonzero(known)
    for first, last in pairwise(found):
        if not ((first <= said) & (said <= last)).any():
            assert not [bar for bar in again if first < bar < last]


def test_where_one_boundary_is_known_the_labels_follow():
    X = np.eye(2)[np.repeat([0, 1, 0, 0, 1], [8, 4, 4, 8, 8])]
    known = np.zeros(33, int)
    known[12], known[16] = 1, -1
    _, boundaries, labels = SectionDecoder().decode(X, known)
    assert boundaries.tolist() == [0, 8, 12, 24, 32]
    first, second, third, fourth = labels
    assert first == third != second == fourth


def test_what_is_said_is_of_the_bars_of_a_stretch_or_of_the_nearest_one():
    bars = np.arange(0, 20, 2.0)
    hints = [
        *(of_time(5.1), Hint(BOUNDARY, 8.5, 9.2), Hint(BOUNDARY, 11.0, 15.0)),
        Hint(BOUNDARY, 15.9, 18.5, True),
    ]
    assert known_boundaries(hints, bars).tolist() == [0, 0, 0, 1, -1, 0, -1, -1, 4, 4]
    assert known_boundaries([of_time(4.0, False), of_time(4.0)], bars)[2] == 2


# what there is to say


def test_what_is_wrong_comes_first_and_of_that_what_lies_between_long_sections():
    reference = sections(0.0, 5.0, 15.0, 44.0, 52.0)
    estimate = sections(0.0, 5.5, 47.5, 100.0)
    assert corrections(reference, estimate) == [
        Hint(BOUNDARY, 45.75, 49.75),  # as far as from what is there
        Hint(BOUNDARY, 12.0, 18.0, True),
        Hint(BOUNDARY, 41.0, 47.0, True),
        Hint(BOUNDARY, 49.0, 55.0, True),
        Hint(BOUNDARY, 2.5, 8.0, True),
    ]


@pytest.mark.parametrize("seed", range(8))
def test_what_is_said_is_true_and_of_what_was_listened_to(seed):
    rng = np.random.default_rng(seed)
    reference, estimate = (
        sections(0.0, *np.sort(rng.uniform(4, 116, n))) for n in (9, 12)
    )
    hints = corrections(reference, estimate)
    assert hints
    for hint in hints:
        assert hint.start // LISTENING % 2 == 0
        assert hint.end <= (hint.start // LISTENING + 1) * LISTENING
        inside = reference["start"][1:].between(hint.start, hint.end)
        assert inside.any() == hint.sounds


@pytest.mark.parametrize("seed", range(8))
def test_to_repeat_what_was_said_earns_nothing(seed):
    rng = np.random.default_rng(seed)
    reference, estimate = (
        sections(0.0, *np.sort(rng.uniform(4, 116, n))) for n in (12, 12)
    )
    starts = [*estimate["start"]]
    for hint in corrections(reference, estimate):
        inside = [t for t in starts[1:] if hint.start <= t <= hint.end]
        starts = [t for t in starts if hint.sounds or t not in inside]
        starts += [hint.start] if hint.sounds else []
    copied = sections(*sorted({*starts}))
    before = score_elsewhere(reference, estimate)
    # what was said can cost what it is not about, and never gain it
    assert score_elsewhere(reference, copied) <= before
    far = [0.0, *(h.start for h in corrections(reference, estimate) if h.sounds)]
    assert score_elsewhere(reference, sections(*sorted({*far}))) == 0


def test_what_is_said_up_to_the_end_of_listening_finds_nothing_behind_it():
    reference, estimate = sections(0.0, 19.0, 23.0, 30.0), sections(0.0, 50.0)
    (missed,) = (h for h in corrections(reference, estimate) if h.sounds)
    assert missed == Hint(BOUNDARY, 16.0, 20.0, True)
    assert score_elsewhere(reference, sections(0.0, 20.0)) == 0


def test_what_is_mended_elsewhere_is_gained():
    reference = sections(0.0, 10.0, 30.0, 45.0, 70.0)
    missed = sections(0.0, 10.0, 33.5, 70.0)
    assert score_elsewhere(reference, missed) == pytest.approx(0.5)
    assert score_elsewhere(reference, reference) == 1
    assert np.isnan(score_elsewhere(sections(0.0, 10.0), missed))


# a run


@pytest.mark.parametrize("wrong", [0, 1])
def test_any_models_sections_follow_what_was_said(wrong):
    songs = read_corpus(MINI / "songs" / "train-seen")
    objective = plugin(
        "objectives/msa.py",
        **{"feature": "chroma", "segmentation": "cbm", "bars": "heard"},
        **{"hints": 99, "wrong_hints": wrong},
    )
    objective.set_data(train=songs[:2], test=songs[2:3])
    solver = factorizer(lambda V, _: nmf(V, 4, seed=0, max_iter=20))
    solver._set_objective(objective)
    solver.run(None)
    estimates = solver.get_result()["estimates"]
    (estimate,) = estimates.values()
    assert len(estimate.hints) > 1
    bars = objective.task.bars(objective.task.test[0])
    known = known_boundaries(estimate.hints, bars)
    starts = estimate.answer["start"].to_numpy()
    for number in {*known[known > 0]}:
        assert {*bars[known == number]} & {*starts}
    assert not {*bars[known < 0]} & {*starts[1:]}
    (row,) = objective.evaluate_result(estimates, kind="low-rank")
    assert row["n_hints"] == len(estimate.hints)
    gain = row["value"] - row["value_before"]
    assert row["steering_gain"] == pytest.approx(gain, nan_ok=True)
