"""Whether what leaves with a component is what it claims to be: known answers."""

import numpy as np
import pytest

from musaic_core.data.notes import Notes
from musaic_core.lowrank.models import NMF
from musaic_core.tasks.faithfulness import (
    agreement,
    faithfulness_to_notes,
    faithfulness_to_stems,
    removed,
)

FRAME = 0.1  # s
NAMES = ["bass", "drums", "vocals"]


def stems_of(seed=0):
    """Three stems in bands and at times of their own, and the model that made them."""
    rng = np.random.default_rng(seed)
    W, H = np.zeros((30, 3)), np.zeros((3, 90))
    for k in range(3):
        W[10 * k : 10 * k + 10, k] = rng.uniform(0.5, 1, 10)
        H[k] = rng.uniform(0.5, 1, 90)
    return W, H, {name: np.outer(W[:, k], H[k]) for k, name in enumerate(NAMES)}


def test_components_that_are_what_they_claim_are_faithful():
    W, H, stems = stems_of()
    model = NMF(W, H, labels=NAMES)
    assert faithfulness_to_stems(model, stems) == pytest.approx(1)


def test_claims_that_are_all_wrong_are_worse_than_chance_and_random_ones_are_at_it():
    W, H, stems = stems_of()
    wrong = NMF(W, H, labels=["drums", "vocals", "bass"])
    assert faithfulness_to_stems(wrong, stems) < -0.4
    rng = np.random.default_rng(0)
    many = np.repeat(W, 40, axis=1), np.repeat(H, 40, axis=0)
    found = [
        faithfulness_to_stems(NMF(*many, labels=rng.choice(NAMES, 120)), stems)
        for _ in range(50)
    ]
    assert np.mean(found) == pytest.approx(0, abs=0.03)


def test_half_of_the_claims_right_is_between_chance_and_perfect():
    W, H, stems = stems_of()
    equal = {name: np.sqrt(stem.size) * stem / np.linalg.norm(stem) for name, stem in
             stems.items()}  # fmt: skip
    model = NMF(W, H, labels=["bass", "vocals", "drums"])  # one of three is right
    assert faithfulness_to_stems(model, equal) == pytest.approx(0, abs=1e-6)
    halves = np.repeat(W / 2, 2, axis=1), np.repeat(H, 2, axis=0)
    labels = ["bass", "drums", "drums", "vocals", "vocals", "bass"]
    # found 1/2, by chance 1/3
    found = faithfulness_to_stems(NMF(*halves, labels=labels), equal)
    assert found == pytest.approx((1 / 2 - 1 / 3) / (1 - 1 / 3))


def test_a_component_that_takes_another_stem_along_is_less_faithful():
    W, H, stems = stems_of()
    greedy = W.copy()
    greedy[10:20, 0] = 0.7
    found = faithfulness_to_stems(NMF(greedy, H, labels=NAMES), stems)
    assert 0.2 < found < 0.9


def test_order_and_scale_of_components_do_not_matter():
    W, H, stems = stems_of()
    W = W + 0.2
    scale, order = np.array([0.1, 7, 30]), [2, 0, 1]
    other = NMF(
        (W * scale)[:, order],
        (H / scale[:, None])[order],
        labels=[NAMES[k] for k in order],
    )
    expected = faithfulness_to_stems(NMF(W, H, labels=NAMES), stems)
    assert faithfulness_to_stems(other, stems) == pytest.approx(expected)


def test_channels_are_summed():
    W, H, stems = stems_of()
    W = W + 0.2
    channels = np.stack([0.5 * H, 0.5 * H], axis=2).reshape(len(H), -1)
    expected = faithfulness_to_stems(NMF(W, H, labels=NAMES), stems)
    found = faithfulness_to_stems(NMF(W, channels, labels=NAMES), stems)
    assert found == pytest.approx(expected)


def test_all_that_leaves_with_components_is_all_there_is():
    W, H, stems = stems_of()
    powers = [stem**2 for stem in stems.values()]
    left = removed(W + 0.1, H, powers)
    for of_stem, power in zip(left, powers, strict=True):
        assert of_stem.sum() == pytest.approx(power.sum())


def test_notes_are_claimed_by_their_pitches():
    rows = [(0.0, 3.0, 60, 80, ""), (2.0, 6.0, 64, 80, ""), (5.0, 9.0, 67, 80, "")]
    notes = Notes.from_rows(rows)
    W, H = np.zeros((30, 3)), np.zeros((3, 90))
    for k, (onset, offset, *_) in enumerate(rows):
        W[10 * k : 10 * k + 10, k] = 1
        H[k, round(onset / FRAME) : round(offset / FRAME)] = 1
    V = W @ H

    def found(labels):
        return faithfulness_to_notes(NMF(W, H, labels=labels), V, notes, FRAME)

    assert found([60, 64, 67]) == pytest.approx(1)
    assert found([60, 64, 0]) == pytest.approx(1)  # one claims nothing
    assert found([60, 64, 72]) < 0.7  # a note that is not there
    assert found([64, 67, 60]) < 0
    assert np.isnan(found([0, 0, 0]))


def test_there_is_no_number_where_claims_cannot_be_judged():
    W, H, stems = stems_of()
    assert np.isnan(faithfulness_to_stems(NMF(W, H), stems))
    other = NMF(W, H, labels=["bass", "drums", "choir"])
    assert np.isnan(faithfulness_to_stems(other, stems))
    # one stem alone: every claim is right by chance
    one = agreement(np.ones((2, 1)), np.ones(2), ["a", "a"], ["a"], [1.0])
    assert np.isnan(one)
