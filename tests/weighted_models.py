"""Every model of data some of which is missing, and the objective of what is there."""

from functools import partial

import numpy as np
import pytest

from musaic_core.lowrank import (
    beta_divergence,
    convex_nmf,
    convolutive_nmf,
    deep_ncp,
    deep_nmf,
    deep_ntd,
    filtered_nmf,
    harmonic_nmf,
    inharmonic_nmf,
    multilayer_nmf,
    ncp,
    nmf,
    ntd,
    orthogonal_nmf,
    semi_supervised_nmf,
    shift_invariant_nmf,
    source_filter_nmf,
)

SIZES = (9, 8, 7)
RANKS = (3, 2, 4)
BANDS = np.random.default_rng(5).gamma(1, 1, (9, 4, 3))

# each model of a matrix or tensor of nine rows
MATRIX_MODELS = {
    "nmf": partial(nmf, rank=3),
    "convolutive": partial(convolutive_nmf, rank=2, length=3),
    "shift_invariant": partial(shift_invariant_nmf, rank=2, shifts=[-1, 0, 2]),
    "harmonic": partial(harmonic_nmf, bands=BANDS),
    "inharmonic": partial(
        inharmonic_nmf, bands=BANDS[:, :, None], registers=np.ones((4, 1))
    ),
    "filtered": partial(filtered_nmf, patches=BANDS, bands=BANDS[:, 0]),
    "source_filter": partial(
        source_filter_nmf, sources=BANDS[:, 0], bands=BANDS[:, 1], n_filters=2, rank=3
    ),
    "semi_supervised": partial(semi_supervised_nmf, held=BANDS[:, 0], rank=2),
    "convex": partial(convex_nmf, rank=3),
    "orthogonal": partial(orthogonal_nmf, rank=3),
    "multilayer": partial(multilayer_nmf, ranks=(4, 2)),
    "deep_nmf": partial(deep_nmf, ranks=(4, 2), weights=[0.5], start_iter=3),
    "deep_nmf data": partial(deep_nmf, ranks=(4, 2), loss="data", start_iter=3),
}
TENSOR_MODELS = {
    "ncp": partial(ncp, rank=3),
    "ntd": partial(ntd, ranks=RANKS),
    "deep_ncp": partial(
        deep_ncp, rank=3, layers={1: (2,)}, weights={1: [0.5]}, start_iter=3
    ),
    "deep_ntd": partial(
        deep_ntd, ranks=RANKS, layers={0: (2,)}, weights={0: [0.5]}, start_iter=3
    ),
    "deep_ntd data": partial(
        deep_ntd, ranks=RANKS, layers={0: (2,), "core": (2,)}, loss="data", start_iter=3
    ),
}
MODELS = MATRIX_MODELS | TENSOR_MODELS
LAYERED = "deep_nmf", "deep_ncp", "deep_ntd"  # with a loss on the layers

every_model = pytest.mark.parametrize("name", MODELS)


def data(name="ncp", seed=0, missing=0.3):
    """Positive data that suits the model, and weights some of which are zero."""
    rng = np.random.default_rng(seed)
    V = rng.gamma(0.7, 1, SIZES) + 0.01
    weights = rng.gamma(1, 1, SIZES) * (rng.random(SIZES) >= missing)
    if name in MATRIX_MODELS or name == "matrix":
        V, weights = V.reshape(9, -1), weights.reshape(9, -1)
    return V, weights


def start(*shapes, seed=1):
    rng = np.random.default_rng(seed)
    return [rng.random(shape) + 0.1 for shape in shapes]


def left(V, Y, beta, weights=None):
    """The divergence where neither is zero, nor so small that powers of it vanish."""
    return beta_divergence(np.maximum(V, 1e-50), np.maximum(Y, 1e-50), beta, weights)


def gaps(name, seed=0):
    """Data that a model of that rank explains up to noise, and a mask of 0 and 1."""
    rng = np.random.default_rng(seed)
    sizes = (30, 40) if name == "nmf" else (14, 12, 10)
    model = MODELS[name](rng.random(sizes), max_iter=0, seed=seed)
    V = model.reconstruct() * rng.gamma(20, 1 / 20, sizes)
    return V, 1.0 * (rng.random(sizes) < 0.8)


def objective(V, w, beta, model):
    """With the layer below at weight 0.5, where the model is compared with one."""
    total = left(V, model.reconstruct(), beta, w)
    if not hasattr(model, "below") or model.tied:
        return total
    if isinstance(model.below, list):
        pairs = [(model.templates, model.below[0])]
    else:
        pairs = [(model.factors[n], layers[0]) for n, layers in model.below.items()]
    return total + sum(0.5 * left(U, layer.reconstruct(), beta) for U, layer in pairs)
