"""Segments from self-similarity: the best by their score, whatever the similarity."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from musaic_core.tasks.structure.segmentation import (
    PENALTIES,
    SIMILARITIES,
    cbm,
    foote,
    label_segments,
    self_similarity,
    spectral_clustering,
)

LENGTHS = [8, 4, 8, 8, 8]  # bars of five sections
TYPES = [0, 1, 0, 2, 1]
BOUNDARIES = [0, 8, 12, 20, 28, 36]


@pytest.fixture(scope="module")
def bars():
    """Bars (36, 30) of five sections of three types, with some noise."""
    rng = np.random.default_rng(0)
    types = np.repeat(np.eye(3), 10, axis=1) * rng.random(30)
    return np.repeat(types[TYPES], LENGTHS, axis=0) + 0.2 * rng.random((36, 30))


square = st.integers(1, 9).flatmap(
    lambda B: arrays(float, (B, 5), elements=st.floats(0, 1, width=16))
)


def slow_score(similarity, boundaries, bands, penalty, weight):
    """The sum that CBM maximises, as the paper writes it."""
    B = len(similarity)

    def correlation(start, end):
        total = 0.0
        for i in range(start, end):
            for j in range(start, end):
                if i != j and (bands is None or abs(i - j) <= bands):
                    total += similarity[i, j]
        return total

    eight = min(8, B)
    unit = max(correlation(i, i + eight) / eight**2 for i in range(B - eight + 1))
    return sum(
        correlation(start, end) / (end - start)
        - weight * unit * PENALTIES[penalty](np.array([end - start]))[0]
        for start, end in pairwise(boundaries)
    )


@settings(deadline=None, max_examples=40, database=None)
@given(
    X=square,
    bands=st.sampled_from([None, 1, 3]),
    penalty=st.sampled_from(sorted(PENALTIES)),
    weight=st.sampled_from([0, 0.5, 2]),
)
def test_cbm_has_the_highest_score_of_all_segmentations(X, bands, penalty, weight):
    similarity = self_similarity(X)
    B = len(X)
    options = bands, penalty, weight
    best = max(
        slow_score(similarity, [0, *inner, B], *options)
        for n in range(B)
        for inner in combinations(range(1, B), n)
    )
    found = slow_score(similarity, cbm(similarity, *options), *options)
    assert found == pytest.approx(best, abs=1e-9)


def test_segments_are_no_longer_than_the_longest(bars):
    boundaries = cbm(np.ones((40, 40)), weight=0, longest=6)
    assert np.diff(boundaries).max() <= 6


def test_penalties_are_those_of_the_paper():
    n = np.array([8, 4, 12, 6, 5, 16])
    expected = {
        "modulo 8": [0, 1 / 4, 1 / 4, 1 / 2, 1, 1 / 4],
        "modulo 4": [0, 0, 0, 1 / 2, 1, 0],
        "modulo 8 or 4": [0, 1 / 4, 1 / 2, 1 / 2, 1, 1 / 2],
        "deviation 1/2": [0, 2, 2, 2**0.5, 3**0.5, 8**0.5],
        "deviation 1": [0, 4, 4, 2, 3, 8],
        "deviation 2": [0, 16, 16, 4, 9, 64],
    }
    assert set(expected) == set(PENALTIES)
    for name, values in expected.items():
        np.testing.assert_allclose(PENALTIES[name](n), values)


def test_unknown_penalties_and_similarities_are_refused_by_name(bars):
    with pytest.raises(ValueError, match="penalty is 'modulo 3'; choose one of modulo"):
        cbm(np.ones((4, 4)), penalty="modulo 3")
    with pytest.raises(ValueError, match="kind is 'dot'; choose one of cosine"):
        self_similarity(bars, "dot")


@pytest.mark.parametrize("kind", SIMILARITIES)
@pytest.mark.parametrize(
    "segment",
    [
        cbm,
        lambda s: cbm(s, bands=7),
        foote,
        lambda s: spectral_clustering(s, n_types=3),
    ],
    ids=["cbm full", "cbm banded", "foote", "spectral"],
)
def test_every_algorithm_finds_sections_that_differ(bars, kind, segment):
    assert segment(self_similarity(bars, kind)).tolist() == BOUNDARIES


@settings(deadline=None, max_examples=25, database=None)
@given(X=square, kind=st.sampled_from(SIMILARITIES))
def test_segments_always_cover_all_bars_and_have_labels(X, kind):
    similarity = self_similarity(X, kind)
    assert np.isfinite(similarity).all()
    for segment in (cbm, foote, spectral_clustering):
        boundaries = segment(similarity)
        assert boundaries[0] == 0
        assert boundaries[-1] == len(X)
        assert (np.diff(boundaries) > 0).all()
        labels = label_segments(similarity, boundaries, 0.9)
        assert len(labels) == len(boundaries) - 1
        assert labels[0] == "A"


@settings(deadline=None, max_examples=25, database=None)
@given(X=square, kind=st.sampled_from(SIMILARITIES), gain=st.floats(0.01, 100))
def test_similarity_is_symmetric_and_does_not_depend_on_gain(X, kind, gain):
    X = np.round(X, 3)
    similarity = self_similarity(X, kind)
    np.testing.assert_allclose(similarity, similarity.T)
    assert np.abs(similarity).max() <= 1 + 1e-9
    if kind != "autocorrelation":  # which amplifies rounding where bars are the same
        louder = self_similarity(gain * X, kind)
        np.testing.assert_allclose(louder, similarity, atol=1e-6)


def test_sections_of_one_type_get_one_label(bars):
    for kind in SIMILARITIES:
        labels = label_segments(self_similarity(bars, kind), np.array(BOUNDARIES), 0.8)
        assert labels == ["A", "B", "A", "C", "B"]


def test_the_quantile_goes_from_one_label_to_many(bars):
    similarity = self_similarity(bars)
    counts = [
        len(set(label_segments(similarity, np.array(BOUNDARIES), quantile)))
        for quantile in (0, 0.8, 1)
    ]
    assert counts == [1, 3, 5]
