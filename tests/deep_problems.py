"""What deep models are tested on: cases of all three, and the objective they lower."""

import numpy as np
import pytest

from musaic_core.lowrank.deep.models import DeepNMF
from musaic_core.lowrank.deep.nmf import deep_nmf
from musaic_core.lowrank.deep.tensor import deep_ncp, deep_ntd
from musaic_core.lowrank.divergence import beta_divergence

RHO = (0.7, 0.3)
both_losses = pytest.mark.parametrize("loss", ["layers", "data"])


def data(shape=(12, 15), seed=0):
    return np.random.default_rng(seed).gamma(0.5, 1, shape) + 1e-3


def divergence(V, Y, beta):
    return beta_divergence(np.maximum(V, 1e-50), np.maximum(Y, 1e-50), beta)


def objective(V, model, beta, weights):
    """The divergence of the data, and where they count, those of the layers."""
    total = divergence(V, model.reconstruct(), beta)
    if model.tied:
        return total
    below = {"templates": model.below} if isinstance(model, DeepNMF) else model.below
    for top, layers in below.items():
        if top == "core":
            above = model.core.reshape(-1, model.core.shape[-1])
        else:
            above = model.templates if top == "templates" else model.factors[top]
        for rho, layer in zip(weights[top], layers, strict=True):
            total += rho * divergence(above, layer.reconstruct(), beta)
            above = layer.templates
    return total


def run(name, V, layers, **options):
    """One of the three, on data that suits it."""
    if name == "nmf":
        return deep_nmf(V.reshape(len(V), -1), (6, *layers["templates"]), **options)
    if name == "ncp":
        return deep_ncp(V, 6, layers, **options)
    return deep_ntd(V, (6, 4, 5), layers, **options)


CASES = [
    ("nmf", {"templates": (4,)}),
    ("nmf", {"templates": (5, 2)}),
    ("ncp", {0: (3,)}),
    ("ncp", {0: (4, 2), 2: (3,)}),
    ("ncp", {0: (3,), 1: (3,), 2: (3,)}),
    ("ntd", {0: (4, 2)}),
    ("ntd", {"core": (3, 2)}),
    ("ntd", {0: (3,), 2: (2,), "core": (3,)}),
]
every_case = pytest.mark.parametrize(("name", "layers"), CASES)
