"""Weights of sparse data list what is there; the rest is missing."""

import numpy as np
import pytest
import scipy.sparse
from sparse_problems import assert_same, data, every_backend

from musaic_core.lowrank import beta_divergence, deep_nmf, nmf


def listed(dtype="float64"):
    """Data, weights that list other entries than its own, and both as dense ones."""
    V = data(dtype=dtype)
    rng = np.random.default_rng(2)
    weights = rng.gamma(1, 1, V.shape) * (rng.random(V.shape) < 0.3)
    assert ((V > 0) & (weights == 0)).any()
    assert ((V == 0) & (weights > 0)).any()
    return V, weights, scipy.sparse.csr_array(V), scipy.sparse.csc_array(weights)


@pytest.mark.parametrize("beta", [0, 0.5, 1, 1.5, 2, 3])
@every_backend
@pytest.mark.parametrize("update", ["mu", "mu-extrapolated"])
def test_what_weights_do_not_list_is_missing_for_every_beta(beta, backend, update):
    V, weights, sparse_V, sparse_weights = listed()
    how = {"beta": beta, "backend": backend, "update": update, "max_iter": 20}
    start = nmf(V, 4, max_iter=0, seed=1)
    how |= {"init": (start.templates + 0.1, start.activations + 0.1), "history": True}
    sparse = nmf(sparse_V, 4, data_weights=sparse_weights, **how)
    dense = nmf(V, 4, data_weights=weights, **how)
    assert_same(sparse, dense, 1e-8)
    np.testing.assert_allclose(sparse.history, dense.history, 1e-8)
    assert sparse.kkt_residual == pytest.approx(dense.kkt_residual, rel=1e-6)
    expected = beta_divergence(V, dense, beta, weights)
    found = beta_divergence(sparse_V, sparse, beta, sparse_weights)
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e20])
def test_so_it_is_at_every_scale_from_a_random_start(dtype, scale):
    V, weights, sparse_V, sparse_weights = listed(dtype)
    V, sparse_V = (X * V.dtype.type(scale) for X in (V, sparse_V))
    there, sparse_there = weights > 0, sparse_weights > 0
    sparse = nmf(sparse_V, 4, data_weights=sparse_there, seed=0, max_iter=20)
    dense = nmf(V, 4, data_weights=there, seed=0, max_iter=20)
    assert_same(sparse, dense, 1e-3 if dtype == "float32" else 1e-8)


@pytest.mark.parametrize("loss", ["layers", "data"])
def test_a_deep_fit_of_listed_entries_is_the_dense_one(loss):
    V, weights, sparse_V, sparse_weights = listed()
    there, sparse_there = weights > 0, sparse_weights > 0
    how = {"loss": loss, "seed": 0, "max_iter": 10, "start_iter": 10}
    sparse = deep_nmf(sparse_V, (6, 3), data_weights=sparse_there, **how)
    dense = deep_nmf(V, (6, 3), data_weights=there, **how)
    assert_same(sparse, dense, 1e-7)
    assert_same(sparse.below[0], dense.below[0], 1e-7)


def test_what_is_not_listed_has_no_influence():
    V, _, sparse_V, sparse_weights = listed()
    other = scipy.sparse.csr_array(np.where(sparse_weights.toarray() > 0, V, np.nan))
    before = sparse_weights.copy()
    one, two = (
        nmf(X, 4, data_weights=sparse_weights, seed=0) for X in (sparse_V, other)
    )
    np.testing.assert_array_equal(one.templates, two.templates)
    np.testing.assert_array_equal(before.toarray(), sparse_weights.toarray())


@pytest.mark.parametrize("fit", [nmf, deep_nmf])
def test_weights_that_do_not_fit_say_what_to_do(fit):
    V = scipy.sparse.csr_array(data())
    listed = scipy.sparse.csr_array(np.ones(V.shape))
    for options, reason in (
        ({"data_weights": np.ones(V.shape)}, r"data_weights .*sparse.*toarray"),
        ({"missing": "nan"}, r"missing .*sparse.*toarray"),
        ({"data_weights": listed[1:]}, r"data_weights has shape \(59, 41\)"),
        ({"data_weights": 1j * listed}, "data_weights has dtype complex128"),
        ({"data_weights": -listed}, "data_weights has negative"),
        ({"data_weights": 0 * listed}, "data_weights lists no entry"),
        ({"data_weights": listed, "init": "nndsvd"}, "init is 'nndsvd'"),
        ({"data_weights": listed, "update": "hals-mu"}, "weights of sparse data"),
    ):
        if fit is deep_nmf and "init" in options:
            continue  # its first layer says so
        with pytest.raises(ValueError, match=reason):
            fit(V, 3 if fit is nmf else (4, 2), **options)
    with pytest.raises(ValueError, match=r"weights .*sparse.*toarray"):
        beta_divergence(V, nmf(V, 3, max_iter=2), weights=np.ones(V.shape))
