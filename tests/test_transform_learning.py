"""A learned transform: descent, orthogonality, its limits, and a planted one."""

import numpy as np
import pytest
import scipy.fft
import scipy.linalg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from musaic_core.lowrank import nmf, transform_nmf
from musaic_core.lowrank.structured.transform_learning import rotate


def frames(seed=0, shape=(10, 30)):
    return np.random.default_rng(seed).normal(size=shape)


def turned(n_rows, size, seed=0):
    """An orthogonal matrix, the nearer to the identity the smaller the size."""
    A = size * np.random.default_rng(seed).normal(size=(n_rows, n_rows))
    return scipy.linalg.expm(A - A.T)


def planted(seed=0, n_rows=12, n_frames=4000, rank=3):
    """Frames that are Gaussian in a basis, and that model."""
    rng = np.random.default_rng(seed)
    W, H = rng.gamma(0.5, 1, (n_rows, rank)) + 0.01, rng.gamma(0.5, 1, (rank, n_frames))
    basis = turned(n_rows, 1.0, seed)
    X = basis.T @ ((W @ H) ** 0.5 * rng.normal(size=(n_rows, n_frames)))
    return X, W, H, basis


def objective(X, W, H, basis):
    return ((basis @ X) ** 2 / (W @ H) + np.log(W @ H)).sum()


@settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 2**31),
    n_rows=st.integers(1, 11),
    rank=st.integers(1, 5),
    dtype=st.sampled_from([np.float32, np.float64]),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    fixed=st.sets(st.sampled_from(["templates", "activations"])),
    silent=st.booleans(),
)
def test_the_objective_never_rises_and_the_transform_stays_orthogonal(
    seed, n_rows, rank, dtype, scale, fixed, silent
):
    X = (scale * frames(seed, (n_rows, 30))).astype(dtype)
    if silent and n_rows > 1:
        X[0] = 0
        X[:, 5] = 0
    options = {"fixed": fixed, "seed": seed, "max_iter": 15, "history": True}
    model = transform_nmf(X, rank, **options)
    size = X.size + np.abs(model.history).max()
    assert np.isfinite(model.history).all()
    assert np.diff(model.history).max() <= 1e-9 * size
    gram = model.transform @ model.transform.T
    np.testing.assert_allclose(gram, np.eye(n_rows), 0, 1e-10)


def test_it_says_what_it_minimises():
    X = frames()
    model = transform_nmf(X, 3, seed=0, max_iter=8, history=True)
    found = objective(X, model.templates, model.activations, model.transform)
    assert model.history[-1] == pytest.approx(found)
    assert len(model.history) == 9
    shorter = transform_nmf(X, 3, seed=0, max_iter=5, history=True)
    np.testing.assert_allclose(shorter.history, model.history[:6])


@pytest.mark.parametrize("max_iter", [0, 1, 20])
def test_a_fixed_transform_is_the_nmf_of_the_squares_of_the_dct(max_iter):
    X, rng = frames(shape=(10, 7)), np.random.default_rng(1)
    start = rng.random((10, 3)) + 0.1, rng.random((3, 7)) + 0.1
    held = {"fixed": ("transform",), "max_iter": max_iter}
    model = transform_nmf(X, 3, init=(*start, None), **held)
    squares = scipy.fft.dct(X, axis=0, norm="ortho") ** 2
    plain = nmf(squares, 3, beta=0, init=start, max_iter=max_iter)
    np.testing.assert_allclose(model.templates, plain.templates, 1e-8)
    np.testing.assert_allclose(model.activations, plain.activations, 1e-8)


def test_a_pair_of_rows_turns_to_its_minimum():
    X, y = frames(shape=(2, 30)), np.random.default_rng(1).gamma(1, 1, (2, 30)) + 0.1
    basis, coefficients = np.eye(2), X.copy()
    rotate(basis, coefficients, y)
    np.testing.assert_allclose(basis @ X, coefficients, 1e-10)
    angles = np.linspace(0, np.pi, 1001)
    c, s = np.cos(angles), np.sin(angles)
    first = np.outer(c, X[0]) + np.outer(s, X[1])
    second = np.outer(c, X[1]) - np.outer(s, X[0])
    values = (first**2 / y[0] + second**2 / y[1]).sum(1)
    found = (coefficients**2 / y).sum()
    assert found <= values.min() + 1e-9
    assert found == pytest.approx(values.min(), rel=1e-3)


@pytest.mark.parametrize("n_rows", [5, 6])
def test_each_pair_meets_once_in_a_sweep(n_rows):
    # where one pair is correlated, it turns, wherever it stands
    for p in range(n_rows):
        for q in range(p):
            X = np.diag(np.arange(1.0, n_rows + 1))
            X[p, q] = 0.5
            y = np.arange(1.0, n_rows + 1)[:, None] * np.ones((1, n_rows))
            basis, before = np.eye(n_rows), (X**2 / y).sum()
            coefficients = X.copy()
            rotate(basis, coefficients, y)
            assert (coefficients**2 / y).sum() < before
            assert abs(basis[p, q]) > 1e-3


def test_turning_ends_where_the_gradient_of_finite_differences_is_zero():
    X, W, H, basis = planted(n_rows=6, n_frames=50)
    init = W, H, turned(6, 0.1) @ basis
    held = {"fixed": ("templates", "activations"), "max_iter": 300}
    before = slopes(X, W, H, init[2])
    after = slopes(X, W, H, transform_nmf(X, 3, init=init, **held).transform)
    assert np.abs(after).max() < 1e-4 * np.abs(before).max()


def slopes(X, W, H, basis):
    """Derivatives of the objective by the angle of each pair of rows."""
    found = []
    for p, q in zip(*np.triu_indices(len(basis), 1), strict=True):
        values = []
        for angle in (1e-5, -1e-5):
            near = basis.copy()
            near[p] = np.cos(angle) * basis[p] + np.sin(angle) * basis[q]
            near[q] = np.cos(angle) * basis[q] - np.sin(angle) * basis[p]
            values.append(objective(X, W, H, near))
        found.append((values[0] - values[1]) / 2e-5)
    return np.array(found)


def test_a_planted_transform_is_reached_from_near_it():
    X, W, H, basis = planted()
    near = turned(12, 0.1, seed=1) @ basis
    assert objective(X, W, H, near) > objective(X, W, H, basis) + 0.01 * X.size
    free = transform_nmf(X, 3, init=(W, H, near), max_iter=30, history=True)
    assert free.history[-1] <= objective(X, W, H, basis)
    held = {"fixed": ("templates", "activations"), "max_iter": 30}
    model = transform_nmf(X, 3, init=(W, H, near), **held)
    overlap = np.abs(np.diag(model.transform @ basis.T))
    assert np.abs(np.diag(near @ basis.T)).min() < 0.95
    assert overlap.min() > 0.98


def test_a_learned_transform_beats_the_dct_where_that_is_not_the_basis():
    X, *_ = planted()
    options = {"seed": 0, "max_iter": 30, "history": True}
    learned = transform_nmf(X, 3, **options).history[-1]
    assert learned < transform_nmf(X, 3, fixed=("transform",), **options).history[-1]


def test_parts_sum_to_the_frames_at_any_scale():
    X = frames()
    model = transform_nmf(X, 3, seed=0, max_iter=5)
    np.testing.assert_allclose(model.images(X).sum(0), X, 1e-8, 1e-10)
    scaled = transform_nmf(2.0**20 * X, 3, seed=0, max_iter=5)
    np.testing.assert_allclose(scaled.transform, model.transform, 1e-6, 1e-9)
    assert model.n_parameters == 10 * 3 + 3 * 30 + 10 * 9 // 2


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"X": np.ones(5)}, "X"),
        ({"X": np.ones((5, 9)) * 1j}, "X"),
        ({"X": np.full((5, 9), np.nan)}, "X"),
        ({"X": np.zeros((5, 9))}, "X"),
        ({"X": np.ones((5, 4))}, "frames"),
        ({"rank": 0}, "rank"),
        ({"fixed": ("basis",)}, "fixed"),
        ({"max_iter": -1}, "max_iter"),
        ({"init": (None, None)}, "init"),
        ({"init": (None, None, np.eye(4))}, "transform"),
        ({"init": (None, None, np.ones((5, 5)))}, "orthogonal"),
        ({"init": (-np.ones((5, 2)), None, None)}, "templates"),
    ],
)
def test_bad_arguments_are_named(arguments, named):
    with pytest.raises(ValueError, match=named):
        transform_nmf(**{"X": frames(shape=(5, 9)), "rank": 2, **arguments})
