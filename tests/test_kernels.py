"""Each kernel set gives the reference's numbers, on any input that it may meet."""

import os
import subprocess
import sys
import threading
import tracemalloc
import warnings
from functools import partial

import numpy as np
import pytest
import reference_factorization as reference
import threadpoolctl
import torch
from problems import BETAS

from musaic_core.lowrank import kernels
from musaic_core.lowrank.divergence import BetaDivergence, beta_divergence
from musaic_core.lowrank.kernels.arrays import ArrayKernels
from musaic_core.lowrank.ncp import NCPProblem
from musaic_core.lowrank.nmf import NMFProblem, nmf
from musaic_core.lowrank.ntd import NTDProblem
from musaic_core.lowrank.updates import HALS, ExtrapolatedMU, HALSThenMU

SHAPES = ((1, 1, 1), (5, 3, 2), (50, 33, 7), (100, 70, 13), (131, 97, 30), (2000, 9, 5))

if kernels.NativeKernels is None:
    pytest.skip("the C kernels are not built here", allow_module_level=True)

from musaic_core.lowrank.kernels import _native  # noqa: E402


@pytest.fixture(params=_native.instruction_sets())
def native(request):
    """The C kernels, in each instruction set of this machine."""
    _native.use(request.param)
    yield kernels.NativeKernels()
    _native.use(_native.instruction_sets()[-1])


def problem(shape, dtype, seed=0, zeros=0.0):
    rng = np.random.default_rng(seed)
    M, N, K = shape
    X, A, B = rng.gamma(1, 1, (M, N)), rng.random((M, K)), rng.random((K, N))
    for array in (X, A, B):
        array[rng.random(array.shape) < zeros] = 0
    return X.astype(dtype), A.astype(dtype), B.astype(dtype)


def wide(*arrays):
    return [array.astype(np.float64) for array in arrays]


def orders(X, B):
    """The layouts that V and its transpose have."""
    return (X, B.copy()), (np.asfortranarray(X), np.asfortranarray(B))


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 2e-5), ("float64", 1e-11)])
def test_c_kernels_are_the_reference(native, beta, dtype, rtol):
    for shape in SHAPES:
        X, A, B = problem(shape, dtype)
        divergence = BetaDivergence.for_data(beta, 1.0, dtype)
        expected = reference.mu_step(*wide(X, A, B), beta, divergence.floor)
        parts = reference.gradient_parts(*wide(X, A, B), beta, divergence.floor)
        Y = reference.model(*wide(A, B), divergence.floor)
        for x, b in orders(X, B):
            positive, negative = native.terms(x, A, b, divergence)
            np.testing.assert_allclose(positive, parts[0], rtol)
            negative = np.broadcast_to(negative, parts[1].shape)
            np.testing.assert_allclose(negative, parts[1], rtol)
            loss = native.loss(x, A, b, divergence)
            assert loss == pytest.approx(
                reference.divergence(*wide(x), Y, beta), rel=20 * rtol
            )
            native.mu(x, A, b, divergence)
            np.testing.assert_allclose(b, expected, rtol)


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 2e-5), ("float64", 1e-11)])
def test_c_kernels_weigh_entries_as_the_reference_does(native, beta, dtype, rtol):
    for shape in SHAPES:
        X, A, B = problem(shape, dtype)
        w = np.random.default_rng(1).gamma(1, 1, X.shape).astype(dtype)
        w[::3, ::2] *= X.size < 10  # zeros, but not everywhere
        divergence = BetaDivergence.for_data(beta, 1.0, dtype)
        how = beta, divergence.floor, *wide(w)
        expected = reference.mu_step(*wide(X, A, B), *how)
        parts = reference.gradient_parts(*wide(X, A, B), *how)
        Y = reference.model(*wide(A, B), divergence.floor)
        weights = w, np.asfortranarray(w), np.repeat(w, 2, 1)[:, ::2]
        for x, b in orders(X, B):
            for ordered in weights:
                found = native.terms(x, A, b, divergence, ordered)
                for part, wanted in zip(found, parts, strict=True):
                    np.testing.assert_allclose(part, wanted, rtol, 1e-30)
                loss = native.loss(x, A, b, divergence, ordered)
                assert loss == pytest.approx(
                    reference.divergence(*wide(x), Y, beta, *wide(w)), rel=20 * rtol
                )
                moved = b.copy(order="K")
                native.mu(x, A, moved, divergence, ordered)
                np.testing.assert_allclose(moved, expected, rtol, 1e-30)


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-4), ("float64", 1e-12)])
@pytest.mark.parametrize("away", [1e-5, 1e-3, 0.03, 0.3])
def test_the_divergence_of_a_good_fit_is_not_lost_in_rounding(
    native, beta, dtype, rtol, away
):
    rng = np.random.default_rng(0)
    B = rng.gamma(2, 1, (1, 333)).astype(dtype)
    X = (B * (1 + away * rng.uniform(-1, 1, (20, 333)))).astype(dtype)
    A = np.ones((20, 1), dtype)
    expected = beta_divergence(X.astype(float), np.repeat(B, 20, 0).astype(float), beta)
    divergence = BetaDivergence.for_data(beta, 2.0, dtype)
    np.testing.assert_allclose(native.loss(X, A, B, divergence), expected, rtol=rtol)


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_zeros_in_data_and_factors(native, beta, dtype):
    X, A, B = problem((130, 70, 9), dtype, zeros=0.3)
    A[:, 3] = 0
    B[5] = 0
    divergence = BetaDivergence.for_data(beta, 1.0, dtype)
    expected = reference.mu_step(*wide(X, A, B), beta, divergence.floor)
    zeros = B == 0
    native.mu(X, A, B, divergence)
    assert np.isfinite(B).all()
    assert (B[zeros] == 0).all()
    scale = expected.max() if np.isfinite(expected).all() else 1
    np.testing.assert_allclose(B, expected, 1e-4, 1e-6 * scale)


def test_hals_and_products_are_the_reference(native):
    for shape in SHAPES:
        X, A, B = problem(shape, "float64", zeros=0.1)
        product, gram = native.product(A, X), native.product(A, A)
        np.testing.assert_allclose(product, A.T @ X, 1e-11)
        np.testing.assert_allclose(gram, A.T @ A, 1e-11)
        expected = reference.hals_sweep(X, A, reference.hals_sweep(X, A, B))
        for _, b in orders(X, B):
            native.hals(product, gram, b, 2)
            np.testing.assert_allclose(b, expected, 1e-8, 1e-10)
    stack = np.random.default_rng(0).random((4, 3, 50, 7))
    np.testing.assert_allclose(
        native.product(stack, stack[0, 0]), stack.mT @ stack[0, 0], 1e-11
    )


@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 2e-5), ("float64", 1e-11)])
def test_the_step_from_normal_equations_is_the_reference(native, dtype, rtol):
    for shape in SHAPES:
        X, A, B = problem(shape, dtype)
        expected = reference.mu_step(*wide(X, A, B), 2, 0.0)
        for kernel_set in (native, ArrayKernels()):
            product, gram = kernel_set.product(A, X), kernel_set.product(A, A)
            for _, b in orders(X, B):
                kernel_set.normal_mu(product, gram, b)
                np.testing.assert_allclose(b, expected, rtol)
    B[...], gram[...] = 0, 0  # neither zero by zero nor zero times infinity
    native.normal_mu(product, gram, B)
    assert (B == 0).all()


def test_products_of_batches_are_the_reference(native):
    rng = np.random.default_rng(0)
    for K, N in ((3, 40), (40, 3), (17, 17), (1, 1)):  # either may be the wider one
        A, X = rng.random((6, 50, K)), rng.random((6, 50, N))
        np.testing.assert_allclose(native.product(A, X), A.mT @ X, 1e-11)
        np.testing.assert_allclose(native.product(A[0], X), A[0].mT @ X, 1e-11)
        np.testing.assert_allclose(native.product(A, X[0]), A.mT @ X[0], 1e-11)
        turned = np.ascontiguousarray(X.mT).mT
        np.testing.assert_allclose(native.product(A, turned), A.mT @ X, 1e-11)
        np.testing.assert_allclose(native.product(A[0], turned[0]), A[0].mT @ X[0])


@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 3e-5), ("float64", 1e-11)])
@pytest.mark.parametrize("rho", [1e-3, 1.0, 1e3])
def test_the_step_of_a_middle_factor_is_the_reference(native, dtype, rtol, rho):
    rng = np.random.default_rng(0)
    for shape in ((1, 1), (3, 50), (40, 7), (88, 131), (4, 3, 20)):
        P, Y, B = rng.gamma(0.5, 1, (3, *shape)) * 10.0 ** rng.integers(-4, 4, shape)
        Q = rng.gamma(1, 1, (*shape[:-1], 1))
        P[rng.random(shape) < 0.2] = 0
        expected = B.copy()
        ArrayKernels().middle_step(P, Q, Y, expected, rho)
        for layout in (np.ascontiguousarray, np.asfortranarray):
            arrays = [layout(array.astype(dtype)) for array in (P, Q, Y, B)]
            native.middle_step(*arrays, rho)
            np.testing.assert_allclose(arrays[-1], expected, rtol, 1e-25)


@pytest.mark.parametrize("beta", BETAS)
def test_array_kernels_are_the_reference(beta):
    X, A, B = problem((60, 40, 5), "float64", zeros=0.1)
    divergence = BetaDivergence.for_data(beta, 1.0, "float64")
    expected = reference.mu_step(X, A, B, beta, divergence.floor)
    tensors = [torch.from_numpy(array.copy()) for array in (X, A, B)]
    ArrayKernels().mu(*tensors, divergence)
    np.testing.assert_allclose(tensors[2].numpy(), expected, 1e-10)
    ArrayKernels().mu(X, A, B, divergence)
    np.testing.assert_allclose(B, expected, 1e-10)


def test_subnormals_are_flushed_and_the_callers_mode_kept(native):
    X, A, B = problem((64, 64, 4), "float32")
    B[:] = 1e-44
    native.mu(X, A, B, BetaDivergence.for_data(1, 1.0, "float32"))
    assert (B == 0).all()
    assert np.float32(1e-38) * np.float32(0.1) != 0


def factors_of(seed, **options):
    V = np.random.default_rng(seed).gamma(1, 1, (300, 400)).astype(np.float32)
    return nmf(V, 12, seed=seed, max_iter=20, **options).activations


def test_numbers_do_not_depend_on_the_number_of_threads():
    for beta in (0, 1, 2):
        with threadpoolctl.threadpool_limits(1):
            one = factors_of(3, beta=beta)
        with threadpoolctl.threadpool_limits(7):
            seven = factors_of(3, beta=beta)
        np.testing.assert_array_equal(one, seven)


def test_an_nmf_needs_a_tenth_of_its_input_beside_it_and_its_factors():
    V = np.random.default_rng(0).random((1025, 1975), np.float32)
    factors = 88 * sum(V.shape) * V.itemsize

    def most_python_memory(max_iter):
        tracemalloc.start()
        nmf(V, 88, seed=0, max_iter=max_iter)
        try:
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    with threadpoolctl.threadpool_limits(2):
        most_python_memory(1)  # and what is made once
        at_start = most_python_memory(0)
        _native.scratch()
        assert most_python_memory(2) < at_start + 1e5
    assert at_start < factors + 0.1 * V.nbytes
    assert _native.scratch() < 0.1 * V.nbytes
    assert _native.scratch() == 0


def test_no_iteration_on_a_device_waits_for_the_host():
    # tensors without data: whatever asks for a number of theirs raises
    device = torch.device("meta")
    models = (
        (NMFProblem, (6, 5), {"templates": (6, 2), "activations": (2, 5)}),
        (NMFProblem, (3, 6, 5), {"templates": (3, 6, 2), "activations": (3, 2, 5)}),
        (NCPProblem, (6, 5, 4), {0: (6, 2), 1: (5, 2), 2: (4, 2)}),
        (NTDProblem, (6, 5, 4), {0: (6, 2), 1: (5, 3), 2: (4, 2), "core": (2, 3, 2)}),
    )
    cases = ((0, ExtrapolatedMU), (1, partial(HALSThenMU, n_hals=1)), (2, HALS))
    for beta, make_rule in cases:
        divergence = BetaDivergence(beta, 1e-6)
        for model, shape, shapes in models:
            rule = make_rule()
            V = torch.empty(shape, device=device)
            blocks = {n: torch.empty(s, device=device) for n, s in shapes.items()}
            masks = {n: torch.empty(s, device=device) for n, s in shapes.items()}
            state = model(V, blocks, masks, divergence, ArrayKernels())
            for _ in range(3):
                for block in blocks:
                    rule(state, block)
                    state.moved(block)
            with pytest.raises((RuntimeError, NotImplementedError)):
                state.loss()


def test_threadpoolctl_limits_the_kernels():
    with threadpoolctl.threadpool_limits(3):
        assert _native.num_threads() == 3
    with threadpoolctl.threadpool_limits(1, user_api="openmp"):
        assert _native.num_threads() == 1


def test_omp_num_threads_is_obeyed():
    code = (
        "from musaic_core.lowrank.kernels import _native; print(_native.num_threads())"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"OMP_NUM_THREADS": "5"},
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
    )
    assert result.stdout.strip() == "5"


def test_threads_and_processes_give_the_numbers_of_one():
    expected = [factors_of(seed) for seed in range(4)]
    found = [None] * 4

    def run(seed):
        found[seed] = factors_of(seed)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(found, expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_a_forked_process_gives_the_numbers_of_its_parent():
    expected = factors_of(1)
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            os.write(write, bytes([np.array_equal(factors_of(1), expected)]))
        finally:
            os._exit(0)
    os.close(write)
    assert os.read(read, 1) == bytes([True])
    os.waitpid(child, 0)


def test_without_the_extension_numpy_runs_and_says_so_once(monkeypatch):
    expected = factors_of(2)
    monkeypatch.setattr(kernels, "NativeKernels", None)
    monkeypatch.setattr(kernels, "_told", False)
    with pytest.warns(RuntimeWarning, match="slower"):
        found = factors_of(2)
    np.testing.assert_allclose(found, expected, 2e-3, 1e-5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        factors_of(2)
    with pytest.raises(ValueError, match="backend"):
        factors_of(2, backend="c")


def test_the_module_refuses_arrays_that_do_not_fit():
    X, A, B = problem((6, 5, 2), "float32")
    for bad in ((X, A[:5], B), (X, A, B[:, :4]), (X, A.astype("float64"), B)):
        with pytest.raises(ValueError, match="does not fit"):
            _native.half("step", *bad, None, None, 1.0, 0.0, 1.0)
    with pytest.raises(ValueError, match="weights does not fit"):
        _native.half("step", X, A, B, None, None, 1.0, 0.0, 1.0, X[:5])
    with pytest.raises(ValueError, match="no task"):
        _native.half("other", X, A, B, None, None, 1.0, 0.0, 1.0)
    with pytest.raises(ValueError, match="no kernels"):
        _native.use("other")
