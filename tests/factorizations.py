"""NMF, NCP and NTD, each on data that suits it."""

import numpy as np
import pytest
import reference_factorization as reference

from musaic_core.lowrank.ncp import ncp
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.ntd import ntd

SIZES = (9, 8, 7)
RANKS = (3, 2, 4)


def matrix(shape=(40, 30), rank=3, dtype="float64", seed=0):
    """A matrix of exactly that rank."""
    rng = np.random.default_rng(seed)
    W, H = rng.gamma(0.5, 1, (shape[0], rank)), rng.gamma(0.5, 1, (rank, shape[1]))
    return ((W + 0.01) @ (H + 0.01)).astype(dtype)


def tensor(seed=0):
    rng = np.random.default_rng(seed)
    factors = [rng.gamma(1, 1, (n, r)) for n, r in zip(SIZES, RANKS, strict=True)]
    return reference.tucker(rng.gamma(1, 1, RANKS), factors)


def start(ranks, seed=1):
    rng = np.random.default_rng(seed)
    return [rng.random(shape) + 0.1 for shape in zip(SIZES, ranks, strict=True)]


def run(name, V, **options):
    """One of the three, on data that suits it."""
    if name == "nmf":
        return nmf(V.reshape(len(V), -1), 3, **options)
    return ncp(V, 3, **options) if name == "ncp" else ntd(V, RANKS, **options)


every_model = pytest.mark.parametrize("name", ["nmf", "ncp", "ntd"])
