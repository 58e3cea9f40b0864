"""What a user says of notes: what is wrong first, and nothing that earns by itself."""

import numpy as np
import pytest
from listening import notes

from musaic_core.tasks.given import Hint
from musaic_core.tasks.guidance import gains, listened
from musaic_core.tasks.transcription import guidance as of_notes


def random_notes(rng, n=40):
    onsets = rng.uniform(0, 20, n)
    return notes(
        *zip(
            onsets,
            onsets + rng.uniform(0.1, 1, n),
            rng.integers(60, 66, n),
            rng.integers(1, 127, n),
            strict=True,
        )
    )


def half_wrong(reference, rng):
    """A transcription that misses notes, invents some, and has wrong onsets."""
    rows = []
    for (on, off), pitch in zip(reference.intervals, reference.pitches, strict=True):
        late = rng.choice([0, 0, 0.04, 0.3])
        pitch += rng.choice([0, 0, 0, 1, 12])
        if rng.random() < 0.7:
            rows.append((on + late, off + late, pitch, rng.integers(1, 127)))
    return notes(*rows)


def obeyed(estimate, hints):
    """A transcription in which what was said is so, and nothing else has changed."""
    rows = []
    for (on, off), pitch, v, _ in zip(*vars(estimate).values(), strict=True):
        denied = any(
            h.label == pitch and h.start <= on <= h.end and not h.sounds for h in hints
        )
        if not denied:
            rows.append((on, off, pitch, v))
    return notes(*rows, *((h.start, h.end, h.label) for h in hints if h.sounds))


def test_what_is_wrong_comes_first_and_of_that_what_is_long_and_loud():
    reference = notes(
        *((0, 2, 60, 100), (1, 2, 61, 30), (2, 3, 62, 90), (3, 3.5, 63), (3, 4, 64)),
        *((4, 4.5, 65), (6, 8, 66), (12, 13, 67)),
    )
    estimate = notes((0, 2, 60), (2, 3, 70, 60), (3, 4, 64), (4.2, 4.8, 65, 99))
    assert of_notes.corrections(reference, estimate) == [
        Hint(62, 2.0, 3.0, True),
        Hint(67, 12.0, 13.0, True),
        Hint(70, 2.0, 3.0, False),
        Hint(65, 4.0, 4.5, True),  # it begins elsewhere, and is there
        Hint(63, 3.0, 3.5, True),
        Hint(61, 1.0, 2.0, True),
        Hint(60, 0.0, 2.0, True),
        Hint(64, 3.0, 4.0, True),
    ]
    perfect = of_notes.corrections(reference, reference)
    assert perfect[0] == Hint(60, 0.0, 2.0, True)
    assert len(perfect) == 7  # all that the user listens to


@pytest.mark.parametrize("seed", range(5))
def test_what_is_said_of_notes_is_true_and_of_what_was_listened_to(seed):
    rng = np.random.default_rng(seed)
    reference = random_notes(rng)
    hints = of_notes.corrections(reference, half_wrong(reference, rng))
    assert len({*hints}) == len(hints) > 9
    for hint in hints:
        assert listened(np.array([hint.start, hint.end - 1e-6])).all()
        of_pitch = reference.intervals[reference.pitches == hint.label]
        starts = of_pitch[:, 0].tolist()
        overlaps = (of_pitch[:, 0] < hint.end) & (hint.start < of_pitch[:, 1])
        assert hint.sounds == (hint.start in starts)
        assert hint.sounds == overlaps.any()


@pytest.mark.parametrize("seed", range(5))
def test_to_repeat_what_was_said_of_notes_earns_nothing(seed):
    rng = np.random.default_rng(seed)
    reference = random_notes(rng)
    estimate = half_wrong(reference, rng)
    hints = of_notes.corrections(reference, estimate)
    before, after = (
        of_notes.score_elsewhere(reference, answer)
        for answer in (estimate, obeyed(estimate, hints))
    )
    assert 0 < before < 1
    assert after == before
    # and of all that was said, nothing finds a note that counts
    told = notes(*((h.start, h.end, h.label) for h in hints if h.sounds))
    assert of_notes.score_elsewhere(reference, told) == 0


def test_hints_are_the_same_whatever_is_scored():
    rng = np.random.default_rng(0)
    reference = random_notes(rng)
    estimate = half_wrong(reference, rng)
    far = listened(reference.onsets, 1.1)  # no note lasts longer
    rows = zip(*vars(reference).values(), strict=True)
    others = notes(
        *((*row[0], *row[1:3]) for row, keep in zip(rows, far, strict=True) if keep)
    )
    hints = of_notes.corrections(reference, estimate)
    assert of_notes.corrections(others, estimate) == hints
    scores = (of_notes.score_elsewhere(r, estimate) for r in (reference, others))
    assert len({*scores}) == 2


def test_what_is_mended_elsewhere_is_gained():
    reference = notes((0, 2, 60), (6, 7, 61), (7, 8, 62), (9, 9.5, 63))
    estimate = notes((0, 2, 60), (7, 8, 70), (9, 9.5, 63))
    mended = notes((0, 2, 60), (6, 7, 61), (7, 8, 62), (9, 9.5, 63))
    before, after, perfect = (
        of_notes.score_elsewhere(reference, answer)
        for answer in (estimate, mended, reference)
    )
    assert before == pytest.approx(0.4)
    assert after == perfect == 1
    columns = gains(before, after, 4)
    assert columns["steering_gain"] == pytest.approx(0.6)
    assert columns["gain_per_hint"] == pytest.approx(0.15)
    assert gains(after, before, 4)["steering_gain"] == pytest.approx(-0.6)
    assert np.isnan(of_notes.score_elsewhere(notes((0, 2, 60)), estimate))
