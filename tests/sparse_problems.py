"""Sparse data, and what it is compared with."""

import numpy as np
import pytest

from musaic_core.lowrank.kernels import kernels_for

BACKENDS = ["numpy"]
if kernels_for(np.ones((2, 2)))[0].name == "c":
    BACKENDS.append("c")
every_beta = pytest.mark.parametrize("beta", [1, 2])
every_backend = pytest.mark.parametrize("backend", BACKENDS)


def data(shape=(60, 41), share=0.2, dtype="float64", seed=0):
    """Counts, most of them zero, with empty rows and columns."""
    rng = np.random.default_rng(seed)
    V = rng.gamma(1, 1, shape) * (rng.random(shape) < share)
    V[[0, 7]] = V[:, [3, shape[1] - 1]] = 0
    return V.astype(dtype)


def assert_same(sparse, dense, rtol=1e-10):
    """Of two NMFs, factor by factor, relative to the factor's size."""
    for one, other in (
        (sparse.templates, dense.templates),
        (sparse.activations, dense.activations),
    ):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol, rtol * float(other.max()))
