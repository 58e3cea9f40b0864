"""What the documentation defines, written out in loops, is what is measured."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from musaic_core.tasks.faithfulness import agreement, removed
from musaic_core.tasks.interpretability import alignment_in_bins, alignment_in_time
from musaic_core.tasks.steering.scores import GONE, steering_scores

SIZES = st.tuples(st.integers(1, 7), st.integers(2, 5), st.integers(31, 97))


def by_definition(e, q, one_share=False):
    """Purity and completeness of loudness (C, bins) and concepts (K, bins), as said.

    `one_share`: what is one concept's share of a bin is not another's.
    """
    C, K = len(e), len(q)
    n = np.array([[(e[c] * q[k]).sum() for k in range(K)] for c in range(C)])
    read_as = [max(range(K), key=lambda k, c=c: n[c, k]) for c in range(C)]
    purity = sum(n[c, read_as[c]] for c in range(C)) / e.sum()
    complete, w = 0.0, n.sum(0)
    for k in range(K):
        own = [c for c in range(C) if read_as[c] == k]
        others = [c for c in range(C) if read_as[c] != k]
        u = sum(
            n[c, k] if one_share else (e[c] * q[k] * (1 - q[read_as[c]])).sum()
            for c in others
        )
        if own:
            complete += w[k] * max(n[c, k] for c in own) / (sum(n[own, k]) + u)
    return np.array([purity, complete / w.sum()])


def parts_of_equal_loudness(loudness, n):
    """The places amid n parts that are as loud as each other."""
    heard = np.cumsum(loudness) / loudness.sum()
    return [int(np.argmax(heard >= (i + 0.5) / n)) for i in range(n)]


def corrected(found, moved):
    chance = np.mean(moved, axis=0)
    return (found - chance) / (1 - chance)


@for_all(SIZES, st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_in_time(size, seed):
    C, K, T = size
    rng = np.random.default_rng(seed)
    e = rng.gamma(0.5, 1, (C, T)) + 1e-9
    q = rng.random((K, T)) < 0.4
    q[:, 0] = True
    q[:, -1] = False
    frames = parts_of_equal_loudness(e.sum(0), T)
    even = np.stack([e[:, t] / e[:, t].sum() for t in frames], axis=1)
    there = q[:, frames]
    moved = [
        by_definition(even, np.roll(there, i * T // 11, axis=1)) for i in range(1, 11)
    ]
    expected = corrected(by_definition(e, q), moved)
    found = [*alignment_in_time(e, q).values()]
    np.testing.assert_allclose(found, expected, atol=1e-9)


@for_all(SIZES, st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_in_bins(size, seed):
    (C, K, T), F = size, 23
    rng = np.random.default_rng(seed)
    W, H = rng.gamma(0.5, 1, (F, C)) + 1e-6, rng.gamma(0.5, 1, (C, T)) + 1e-6
    q = rng.dirichlet(np.full(K, 0.3), (F, T)).transpose(2, 0, 1)
    e = np.einsum("fc,ct->cft", W, H)
    rows = parts_of_equal_loudness(e.sum((0, 2)), 128)
    frames = parts_of_equal_loudness(e.sum((0, 1)), T)
    # as loud in each of the parts
    even = e / e.sum((0, 2))[:, None] / e.sum((0, 1))
    even, there = even[:, rows][:, :, frames], q[:, rows][:, :, frames]
    moved = []
    for i in range(1, 11):
        turned = np.roll(there, (i * 128 // 11, i * T // 11), axis=(1, 2))
        flat = even.reshape(C, -1), turned.reshape(K, -1)
        moved.append(by_definition(*flat, one_share=True))
    found = by_definition(e.reshape(C, -1), q.reshape(K, -1), one_share=True)
    expected = corrected(found, moved)
    measured = [*alignment_in_bins(W, H, q).values()]
    np.testing.assert_allclose(measured, expected, atol=1e-6)


def sounding(rng, K, T):
    """Concepts that last."""
    changes = rng.random((K, T)) < 0.06
    return (np.cumsum(changes, axis=1) + rng.integers(2, size=(K, 1))) % 2 == 1


@pytest.mark.parametrize(("K", "T"), [(3, 401), (7, 997), (12, 1501)])
def test_references_of_another_recording_are_at_chance_on_the_mean(K, T):
    rng = np.random.default_rng(K)
    found = []
    for _ in range(40):
        e = sounding(rng, K, T) * rng.gamma(2, 1, (K, 1))
        found.append([*alignment_in_time(e, sounding(rng, K, T)).values()])
    error = np.std(found, axis=0) / np.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0)) < 4 * error + 0.01).all()
    assert (error < 0.05).all()


@pytest.mark.parametrize("K", [2, 5, 9])
def test_what_is_perfect_is_one_and_half_of_it_is_between(K):
    rng = np.random.default_rng(K)
    q = sounding(rng, K, 901)
    e = q * rng.gamma(2, 1, q.shape)
    perfect = [*alignment_in_time(e, q).values()]
    np.testing.assert_allclose(perfect, 1)
    other = sounding(rng, K, 901) * rng.gamma(2, 1, q.shape)
    half = [*alignment_in_time(e + other * e.sum() / other.sum(), q).values()]
    for value in half:
        assert 0.1 < value < 0.8


@for_all(st.integers(1, 6), st.integers(2, 4), st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_faithfulness(C, K, seed):
    rng = np.random.default_rng(seed)
    F, T = 11, 17
    W, H = rng.random((F, C)) + 0.01, rng.random((C, T)) + 0.01
    stems = rng.gamma(0.5, 1, (K, F, T))
    claims = rng.integers(K, size=C)
    power = stems.sum(0)
    model = W @ H
    left = [power * np.outer(W[:, c], H[c]) / model for c in range(C)]
    q = stems / power
    found = sum((left[c] * q[claims[c]]).sum() for c in range(C)) / power.sum()
    chance = sum(
        sum(left[c].sum() for c in range(C) if claims[c] == k) / power.sum()
        * stems[k].sum() / power.sum()
        for k in range(K)
    )  # fmt: skip
    overlap = np.stack([x.sum(1) for x in removed(W, H, list(stems))], axis=1)
    names = np.array(["bass", "drums", "lead", "pad"])
    shares = stems.sum((1, 2)) / stems.sum()
    measured = agreement(overlap, overlap.sum(1), names[claims], names[:K], shares)
    assert measured == pytest.approx((found - chance) / (1 - chance), abs=1e-6)


@for_all(st.integers(2, 5), st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_control(n, seed):
    rng = np.random.default_rng(seed)
    s = rng.normal(0, rng.uniform(0.1, 2, (n, 1, 1)), (n, 2, 501))
    p = s + rng.normal(0, 0.3, s.shape)
    columns = {"sdr": [], "reach": [], "spill": []}
    for j, gain in product(range(n), (0, 0.5, 2)):
        g = np.ones(n)
        g[j] = gain
        true, answer = (np.tensordot(g, x, 1).ravel() for x in (s, p))
        columns["sdr"].append(
            10 * np.log10((true**2).sum() / ((true - answer) ** 2).sum())
        )
        a = np.linalg.lstsq(s.reshape(n, -1).T, answer, rcond=None)[0]
        moved = np.clip(20 * np.log10(np.abs(a)), -GONE, GONE)
        columns["reach"].append(moved[j] / max(-GONE, 20 * np.log10(gain or 1e-9)))
        columns["spill"].append(np.mean(np.abs(np.delete(moved, j))))
    names = [f"stem {j}" for j in range(n)]
    found = steering_scores(
        dict(zip(names, s, strict=True)), dict(zip(names, p, strict=True))
    )
    for name, values in columns.items():
        assert found[name] == pytest.approx(np.mean(values), rel=1e-6)
