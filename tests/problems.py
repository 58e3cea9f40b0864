"""What factorizations are tested on: each β, each backend, and random data."""

import numpy as np
import pytest

BETAS = (-1, 0, 0.5, 1, 1.5, 2, 3)
every_beta = pytest.mark.parametrize("beta", BETAS)
every_backend = pytest.mark.parametrize("backend", ["c", "numpy", "torch"])


def data(shape=(12, 20), seed=0):
    """Positive entries, most of them small."""
    return np.random.default_rng(seed).gamma(0.5, 1, shape) + 1e-3
