"""Models of complex spectra: data in other units has the same sources."""

import numpy as np
import pytest
from complex_spectra import channels

from musaic_core.lowrank import (
    PhaseUnwrapping,
    complex_isnmf,
    complex_nmf,
    full_rank_nmf,
    multichannel_nmf,
)

SOURCES = 0, 0, 1, 1, 2
ANGLES = np.random.default_rng(0).uniform(-np.pi, np.pi, (3, 8, 12))
PENALTY = PhaseUnwrapping(0.3, ANGLES)
OPTIONS = {"seed": 0, "max_iter": 10, "history": True}
FIT = {
    "multichannel": lambda X: multichannel_nmf(X, SOURCES, **OPTIONS),
    "full rank": lambda X: full_rank_nmf(X, SOURCES, **OPTIONS),
    "complex": lambda X: complex_nmf(X[0], SOURCES, **OPTIONS),
    "unwrapped": lambda X: complex_nmf(X[0], SOURCES, phase_penalty=PENALTY, **OPTIONS),
    "complex IS": lambda X: complex_isnmf(X[0], SOURCES, ANGLES, **OPTIONS),
}


def sources(name, X):
    """What is filtered out of X; in complex NMF, what it is made of."""
    model = FIT[name](X)
    assert np.diff(model.history).max() <= 1e-5 * np.abs(model.history).max()
    if name in ("complex", "unwrapped"):
        return model.images()
    return model.images(X[0] if name == "complex IS" else X)


@pytest.mark.parametrize("name", FIT)
@pytest.mark.parametrize(
    ("dtype", "scale"),
    [("c8", 1e-18), ("c8", 1e18), ("c16", 1e-100), ("c16", 1e-20), ("c16", 1e100)],
)
def test_sources_of_data_in_other_units_are_the_same(name, dtype, scale):
    X = channels().astype(dtype)
    expected = sources(name, X)
    found = sources(name, (scale * X).astype(dtype))
    assert found.dtype == dtype
    np.testing.assert_allclose(found / scale, expected, 1e-3, 1e-4)
