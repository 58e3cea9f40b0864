"""Sparse data: the numbers of dense data, at the cost of the nonzeros."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse
import torch
from sparse_problems import BACKENDS, assert_same, data, every_backend, every_beta

from musaic_core.lowrank import (
    MinimumVolume,
    OnlineNMF,
    Sparsity,
    beta_divergence,
    convolutive_nmf,
    deep_nmf,
    ncp,
    nmf,
    ntd,
)
from musaic_core.lowrank.divergence import BetaDivergence
from musaic_core.lowrank.kernels import kernels_for
from musaic_core.lowrank.kernels.arrays import ArrayKernels

FORMATS = ("csr_array", "csc_array", "csr_matrix", "csc_matrix", "coo_array")


def with_explicit_zeros(V):
    """As a csr_array that says of some zeros that they are there."""
    rows, columns = np.indices(V.shape)
    there = (V > 0) | (np.random.default_rng(1).random(V.shape) < 0.1)
    found = scipy.sparse.csr_array((V[there], (rows[there], columns[there])), V.shape)
    assert found.nnz > np.count_nonzero(V)
    return found


@every_beta
@every_backend
@pytest.mark.parametrize("form", FORMATS)
def test_a_sparse_fit_is_the_dense_fit(form, beta, backend):
    V = data()
    how = {"beta": beta, "backend": backend, "seed": 0, "max_iter": 40}
    sparse = getattr(scipy.sparse, form)(V)
    assert_same(nmf(sparse, 5, **how), nmf(V, 5, **how))


@every_beta
@every_backend
@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (2, 300), (300, 2)])
@pytest.mark.parametrize("rank", [1, 3, 33])
def test_so_it_is_for_every_shape_and_rank(shape, rank, beta, backend):
    V = np.random.default_rng(0).poisson(0.7, shape).astype(float)
    V[0, 0] = 1
    how = {"beta": beta, "backend": backend, "seed": 0, "max_iter": 5}
    assert_same(nmf(scipy.sparse.csr_array(V), rank, **how), nmf(V, rank, **how))


@every_beta
@every_backend
@pytest.mark.parametrize("update", ["mu-extrapolated", "hals", "hals-mu"])
def test_every_update_takes_sparse_data(update, beta, backend):
    if update == "hals" and beta == 1:
        pytest.skip("hals is for beta=2")
    V = data()
    how = {"beta": beta, "update": update, "backend": backend, "max_iter": 30}
    sparse, dense = (nmf(X, 4, seed=0, **how) for X in (scipy.sparse.csc_array(V), V))
    assert_same(sparse, dense, 1e-8)  # roundings may choose another side of zero


@every_beta
@pytest.mark.parametrize("init", ["random", "nndsvd", "data"])
@pytest.mark.parametrize("shape", [(60, 41), (90, 120)])
def test_every_start_takes_sparse_data(init, shape, beta):
    V = data(shape)
    how = {"beta": beta, "init": init, "seed": 0, "max_iter": 5}
    assert_same(nmf(scipy.sparse.csr_matrix(V), 5, **how), nmf(V, 5, **how), 1e-8)


@every_beta
@pytest.mark.parametrize(
    "penalties", [{"activations": Sparsity(0.1)}, {"templates": MinimumVolume(0.1)}]
)
def test_penalties_take_sparse_data(penalties, beta):
    V = data()
    how = {"beta": beta, "penalties": penalties, "seed": 0, "max_iter": 20}
    assert_same(nmf(scipy.sparse.csr_array(V), 4, **how), nmf(V, 4, **how))


@every_beta
@pytest.mark.parametrize("loss", ["layers", "data"])
def test_a_deep_fit_of_sparse_data_is_the_dense_one(loss, beta):
    V = data()
    how = {"beta": beta, "loss": loss, "seed": 0, "max_iter": 10, "start_iter": 10}
    sparse, dense = (deep_nmf(X, (6, 3), **how) for X in (scipy.sparse.csr_array(V), V))
    assert_same(sparse, dense)
    assert_same(sparse.below[0], dense.below[0])


@every_beta
@every_backend
def test_explicit_zeros_and_entries_in_two_parts_change_nothing(beta, backend):
    V = data()
    how = {"beta": beta, "backend": backend, "seed": 0, "max_iter": 20}
    dense = nmf(V, 4, **how)
    assert_same(nmf(with_explicit_zeros(V), 4, **how), dense)
    whole = scipy.sparse.csr_array(V)
    halves = scipy.sparse.csr_array(
        (
            np.repeat(whole.data / 2, 2),
            np.repeat(whole.indices, 2),
            2 * whole.indptr,
        ),
        V.shape,
    )
    before = halves.data.copy()
    assert_same(nmf(halves, 4, **how), dense)
    np.testing.assert_array_equal(halves.data, before)


@every_beta
@every_backend
def test_float32_is_kept(beta, backend):
    V = data(dtype="float32")
    how = {"beta": beta, "backend": backend, "seed": 0, "max_iter": 20}
    assert_same(nmf(scipy.sparse.csr_array(V), 4, **how), nmf(V, 4, **how), 1e-3)


@pytest.mark.parametrize("dtype", ["int64", "bool", "float16"])
def test_other_dtypes_are_converted_as_dense_ones_are(dtype):
    V = (data() > 1).astype(dtype)
    dense = nmf(V, 3, seed=0, max_iter=5)
    stored = scipy.sparse.csr_array(V.astype("float64")).astype(
        dtype if dtype != "float16" else "float32"
    )
    assert_same(nmf(stored, 3, seed=0, max_iter=5), dense, 1e-4)


@every_beta
@every_backend
def test_wide_indices_are_taken(beta, backend):
    V = data()
    sparse = scipy.sparse.csc_array(V)
    kernels, X = kernels_for(sparse, backend)
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    rng = np.random.default_rng(0)
    A, B = rng.random((60, 5)), rng.random((5, 41))
    divergence = BetaDivergence(beta, 0.1 if beta == 1 else 0.0)
    expected = ArrayKernels().terms(V, A, B, divergence)
    for part, other in zip(kernels.terms(X, A, B, divergence), expected, strict=True):
        np.testing.assert_allclose(part, other, 1e-12)


@every_beta
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.skipif("c" not in BACKENDS, reason="the C kernels are not built here")
def test_every_instruction_set_gives_the_same(dtype, beta):
    from musaic_core.lowrank.kernels import _native

    V = data((70, 41), dtype=dtype)
    rng = np.random.default_rng(0)
    A, B = rng.random((70, 19)).astype(dtype), rng.random((19, 41)).astype(dtype)
    divergence = BetaDivergence(beta, 0.1 if beta == 1 else 0.0)
    numpy, X = kernels_for(scipy.sparse.csc_array(V), "numpy")
    native, _ = kernels_for(X, "c")
    rtol = 1e-5 if dtype == "float32" else 1e-13
    try:
        for name in _native.instruction_sets():
            _native.use(name)
            for given in (B, np.asfortranarray(B)):
                found = native.terms(X, A, given, divergence)
                expected = numpy.terms(X, A, given, divergence)
                for one, other in zip(found, expected, strict=True):
                    np.testing.assert_allclose(one, other, rtol)
            one, other = (k.samples(X, A, B, 0.1) for k in (native, numpy))
            np.testing.assert_allclose(one, other, rtol)
    finally:
        _native.use(_native.instruction_sets()[-1])


@every_beta
@every_backend
@pytest.mark.parametrize("scale", [1e-100, 1.0, 1e100])
def test_the_objective_is_that_of_dense_data(beta, backend, scale):
    V = data() * scale
    model = nmf(scipy.sparse.csr_array(V), 4, beta=beta, backend=backend, max_iter=20)
    expected = beta_divergence(V, model.reconstruct(), beta)
    sparse = with_explicit_zeros(V)
    assert beta_divergence(sparse, model, beta) == pytest.approx(expected, rel=1e-10)
    assert beta_divergence(V, model, beta) == expected


@every_beta
def test_what_is_fitted_exactly_is_at_no_distance(beta):
    W = np.kron(np.eye(3), np.ones((4, 1)))
    model = nmf(
        np.ones((12, 9)),
        3,
        init=(W, np.kron(np.eye(3), np.ones(3))),
        fixed=("templates", "activations"),
    )
    V = scipy.sparse.csr_array(model.reconstruct())
    assert beta_divergence(V, model, beta) == 0


def test_a_model_that_is_zero_where_data_is_not_is_infinitely_far():
    V = scipy.sparse.csr_array(np.eye(3))
    model = nmf(
        np.ones((3, 3)), 1, init=(np.zeros((3, 1)), np.ones((1, 3))), max_iter=0
    )
    assert beta_divergence(V, model, 1) == np.inf
    assert beta_divergence(V, model, 2) == 1.5


@every_beta
def test_tol_stops_a_sparse_fit_where_it_stops_a_dense_one(beta):
    V = data()
    how = {"beta": beta, "tol": 1e-3, "max_iter": 1000, "seed": 0}
    sparse, dense = nmf(scipy.sparse.csr_array(V), 3, **how), nmf(V, 3, **how)
    assert sparse.n_iter == dense.n_iter < 1000


@every_beta
@every_backend
@pytest.mark.parametrize("weighted", [False, True])
def test_nothing_of_the_datas_size_is_made(beta, backend, weighted):
    V = scipy.sparse.random_array((20_000, 10_000), density=2e-5, rng=0, format="csr")
    how = {"data_weights": V} if weighted else {"init": "nndsvd"}
    tracemalloc.start()
    try:
        model = nmf(
            V,
            2,
            beta=beta,
            backend=backend,
            max_iter=2,
            seed=0,
            tol=1e-9,
            **how,
        )
        beta_divergence(V, model, beta, how.get("data_weights"))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 40e6  # dense, V is 1600 MB


# ---- what is refused


@pytest.mark.parametrize("beta", [0, 0.5, 1.5, 3])
def test_other_betas_say_what_to_do(beta):
    with pytest.raises(ValueError, match=r"beta is .* sparse.*toarray"):
        nmf(scipy.sparse.csr_array(data()), 3, beta=beta)
    with pytest.raises(ValueError, match=r"sparse.*toarray"):
        beta_divergence(scipy.sparse.csr_array(data()), nmf(data(), 3), beta)


@pytest.mark.parametrize(
    "fit",
    [
        lambda V: ncp(V, 3),
        lambda V: ntd(V, (3, 3)),
        lambda V: convolutive_nmf(V, 3, 2),
        lambda V: OnlineNMF(3).fit([V]),
        lambda V: OnlineNMF(3).partial_fit(V),
        lambda V: beta_divergence(V, V),
        lambda V: nmf(V.toarray(), 3, init=(V[:, :3], None)),
        lambda V: nmf(V, 3, backend="torch"),
    ],
)
def test_other_models_say_what_to_do(fit):
    with pytest.raises(ValueError, match=r"sparse.*toarray"):
        fit(scipy.sparse.csr_array(data()))


@pytest.mark.parametrize("init", ["spa", "snpa"])
def test_starts_that_project_all_columns_are_for_dense_data(init):
    with pytest.raises(ValueError, match=f"init is '{init}'; choose one of"):
        nmf(scipy.sparse.csr_array(data()), 3, init=init)


@pytest.mark.parametrize("fit", [nmf, ncp])
def test_sparse_tensors_of_pytorch_say_what_to_do(fit):
    V = torch.from_numpy(data()).to_sparse()
    with pytest.raises(ValueError, match=r"sparse tensor.*to_dense"):
        fit(V, 3)


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_what_dense_data_may_not_hold_sparse_data_may_not(value):
    V = data()
    V[5, 5] = value
    with pytest.raises(ValueError, match="V has"):
        nmf(scipy.sparse.csr_array(V), 3)


def test_indices_beyond_the_shape_are_refused():
    V = scipy.sparse.csr_array(data())
    V.indices[3] = 1000
    with pytest.raises(ValueError, match="indices"):
        nmf(V, 3)


def test_complex_data_is_refused():
    with pytest.raises(ValueError, match="real numbers"):
        nmf(scipy.sparse.csr_array(data() * 1j), 3)
