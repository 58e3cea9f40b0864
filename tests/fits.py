"""Fits of every model to small data, by rules that help and rules that harm."""

import numpy as np

from musaic_core.lowrank import (
    MinimumVolume,
    Orthogonality,
    Smoothness,
    Sparsity,
    convolutive_nmf,
    deep_ncp,
    deep_nmf,
    deep_ntd,
    filtered_nmf,
    harmonic_nmf,
    inharmonic_nmf,
    ncp,
    nmf,
    ntd,
    robust_nmf,
    semi_supervised_nmf,
    shift_invariant_nmf,
    source_filter_nmf,
)
from musaic_core.lowrank.updates import ExtrapolatedMU, HALSThenMU

RNG = np.random.default_rng(1)
# data that least squares fit with zeros, an infinite divergence away
MATRIX = (RNG.gamma(0.4, 1, (10, 3)) @ RNG.gamma(0.4, 1, (3, 12)) + 1e-3) * RNG.gamma(
    4, 0.25, (10, 12)
)
TENSOR = RNG.gamma(0.4, 1, (6, 5, 4)) + 1e-3
BANDS = RNG.gamma(1, 1, (10, 4, 3))
SPARSE = {"activations": Sparsity(0.3)}
BENT = {"templates": [MinimumVolume(2.0), Orthogonality(0.2)]}
SMOOTH = {1: [Smoothness(0.1), Sparsity(0.1)]}


def as_dtype(X, dtype):
    return X.astype(dtype)


PLAIN = {
    "nmf": lambda d, **o: nmf(as_dtype(MATRIX, d), 4, **o),
    "ncp": lambda d, **o: ncp(as_dtype(TENSOR, d), 4, **o),
    "ntd": lambda d, **o: ntd(as_dtype(TENSOR, d), (3, 2, 3), **o),
}
MODELS = PLAIN | {
    "sparse nmf": lambda d, **o: nmf(as_dtype(MATRIX, d), 4, penalties=SPARSE, **o),
    "bent nmf": lambda d, **o: nmf(as_dtype(MATRIX, d), 4, penalties=BENT, **o),
    "smooth ncp": lambda d, **o: ncp(as_dtype(TENSOR, d), 4, penalties=SMOOTH, **o),
    "convolutive": lambda d, **o: convolutive_nmf(as_dtype(MATRIX, d), 3, 2, **o),
    "shift-invariant": lambda d, **o: shift_invariant_nmf(
        as_dtype(MATRIX, d), 3, [-1, 0, 2], 2, **o
    ),
    "harmonic": lambda d, **o: harmonic_nmf(
        as_dtype(MATRIX, d), as_dtype(BANDS, d), **o
    ),
    "inharmonic": lambda d, **o: inharmonic_nmf(
        as_dtype(MATRIX, d), as_dtype(BANDS[:, :, None], d), np.ones((4, 1)), **o
    ),
    "filtered": lambda d, **o: filtered_nmf(
        as_dtype(MATRIX, d), as_dtype(BANDS, d), as_dtype(BANDS[:, 0], d), **o
    ),
    "source/filter": lambda d, **o: source_filter_nmf(
        as_dtype(MATRIX, d),
        as_dtype(BANDS[:, 1], d),
        as_dtype(BANDS[:, 0], d),
        2,
        3,
        **o,
    ),
    "semi-supervised": lambda d, **o: semi_supervised_nmf(
        as_dtype(MATRIX, d), as_dtype(BANDS[:, 0], d), 2, **o
    ),
    "robust": lambda d, **o: robust_nmf(as_dtype(MATRIX, d), 3, 0.5, **o),
    "deep nmf": lambda d, **o: deep_nmf(
        as_dtype(MATRIX, d), (5, 3), start_iter=2, weights=[0.5], **o
    ),
    "deep ncp": lambda d, **o: deep_ncp(
        as_dtype(TENSOR, d), 4, {0: (3,), 2: (2,)}, start_iter=2, **o
    ),
    "deep ntd": lambda d, **o: deep_ntd(
        as_dtype(TENSOR, d), (4, 3, 3), {0: (3, 2), "core": (2,)}, start_iter=2, **o
    ),
    "tied ncp": lambda d, **o: deep_ncp(
        as_dtype(TENSOR, d), 4, {0: (3,)}, loss="data", start_iter=2, **o
    ),
}


def spoil(problem, name):
    """A rule that nobody should use."""
    problem.blocks[name][...] = problem.blocks[name] * 3 + 1


def ruin(problem, name):
    problem.blocks[name][...] = float("nan")


def sometimes(problem, name):
    """One that helps for a while."""
    problem.count = getattr(problem, "count", 0) + 1
    problem.mu(name) if problem.count < 12 else spoil(problem, name)


RULES = {
    "mu": "mu",
    "mu-extrapolated": "mu-extrapolated",
    "bounded": ExtrapolatedMU(bound=10.0),
    "spoil": spoil,
    "ruin": ruin,
    "sometimes": sometimes,
}
LEAST_SQUARES = {"hals-mu": "hals-mu", "short": HALSThenMU(n_hals=3)}
