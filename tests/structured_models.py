"""Convolutive, harmonic, filtered and inharmonic NMF, each with four components."""

import numpy as np
import pytest
import reference_factorization as reference

from musaic_core.lowrank import (
    convolutive_nmf,
    filtered_nmf,
    harmonic_nmf,
    inharmonic_nmf,
)

NAMES = ["convolutive", "harmonic", "filtered"]
every_name = pytest.mark.parametrize("name", NAMES)
# the factor beside the activations
FIRST = {"convolutive": "patches", "harmonic": "envelope", "filtered": "filter"}
FACTORS = {name: (first, "activations") for name, first in FIRST.items()}
FACTORS["inharmonic"] = "envelope", "inharmonicity", "activations"


def bands(F=12, P=4, K=3):
    """Spectra of narrow bands, which overlap."""
    rng = np.random.default_rng(7)
    return rng.gamma(1, 1, (F, P, K)) * (rng.random((F, P, K)) < 0.6)


def variants(F=12):
    """Those bands in two variants, and how much of two registers each is in.

    Variants share no rows, so that steps are long, and the longer one goes too far.
    """
    heard = np.arange(F)[:, None] % 2 == np.arange(2)
    registers = np.array([[1, 0], [0.5, 0.5], [0.2, 0.8], [0, 1]])
    return bands(F)[..., None] * heard[:, None, None], registers


def dictionary(F=12):
    """Four patches of three frames, and five bands that a filter is made of."""
    rng = np.random.default_rng(8)
    return rng.gamma(1, 1, (F, 4, 3)), rng.gamma(1, 1, (F, 5))


def run(name, V, **options):
    """One of the four, with four components."""
    if name == "convolutive":
        return convolutive_nmf(V, 4, 3, **options)
    if name == "filtered":
        return filtered_nmf(V, *dictionary(len(V)), **options)
    if name == "inharmonic":
        return inharmonic_nmf(V, *variants(len(V)), **options)
    return harmonic_nmf(V, bands(len(V)), **options)


def model_of(name, first, H):
    """The approximation in float64 NumPy."""
    if name == "convolutive":
        return reference.convolution(first, H)
    if name == "filtered":
        patches, responses = dictionary()
        return (responses @ first)[:, None] * reference.convolution(patches, H)
    return np.einsum("fpk,pk->fp", bands(), first) @ H


def model_with(name, H, first):
    return model_of(name, first, H)


def start(name, seed=1):
    rng = np.random.default_rng(seed)
    shape = {"convolutive": (12, 4, 3), "harmonic": (4, 3), "filtered": (5,)}[name]
    return rng.random(shape) + 0.1, rng.random((4, 20)) + 0.1


def first_of(name, model):
    return getattr(model, FIRST[name])
