"""The β-divergence: right wherever float64 reaches, in NumPy and in the kernels."""

from decimal import Decimal, getcontext, localcontext

import numpy as np
import pytest

from musaic_core.lowrank.divergence import BetaDivergence, beta_divergence
from musaic_core.lowrank.kernels import kernels_for

ENDS = (0.0, 5e-324, 1e-300, 1e-160, 1e-120, 0.3, 1.0, 1 + 2**-40, 1.09, 1e20, 1e150)
ENDS = (*ENDS, 1.7e160, 1e300, 1.79e308)
BETAS = (-3.3, -1, -1e-9, 0, 1e-9, 0.5, 1 - 1e-9, 1, 1.5, 2, 2.5, 3, 7.2)


def exact(x, y, beta):
    """The divergence of two numbers, of 90 digits."""
    x, y, b = Decimal(x), Decimal(y), Decimal(beta)
    if x == y:
        return Decimal(0)
    if y == 0:
        return x**b / (b * (b - 1)) if b > 1 else Decimal("inf")
    if x == 0:
        return y**b / b if b > 0 else Decimal("inf")
    if b == 1:
        return x * (x / y).ln() - x + y
    if b == 0:
        return x / y - (x / y).ln() - 1
    return x**b / (b * (b - 1)) + y**b / b - x * y ** (b - 1) / (b - 1)


@pytest.mark.parametrize("beta", BETAS)
def test_the_divergence_is_right_at_the_ends_of_float64(beta):
    with localcontext(getcontext()) as context:
        context.prec, context.Emax, context.Emin = 90, 10**7, -(10**7)
        for x in ENDS:
            for y in ENDS:
                expected = float(exact(x, y, beta))
                found = beta_divergence([[x]], [[y]], beta)
                assert found == pytest.approx(expected, rel=2e-12, abs=1e-300)


@pytest.mark.parametrize("beta", [-1, 0, 0.5, 1, 1.5, 2, 3])
@pytest.mark.parametrize("distance", [1e-12, 1e-6, 1e-3])
def test_the_divergence_of_what_is_near_is_half_the_square(beta, distance):
    y = np.array([0.5, 1.0, 3.0])
    x = y * (1 + distance)
    expected = (y ** (beta - 2) * (x - y) ** 2 / 2).sum()
    assert beta_divergence(x, y, beta) == pytest.approx(expected, rel=4 * distance)


@pytest.mark.parametrize("backend", ["c", "numpy", "torch"])
@pytest.mark.parametrize("beta", [2, 2.5, 3, 4])
def test_the_kernels_divergence_from_what_vanishes_is_finite(backend, beta):
    V = np.random.default_rng(0).random((7, 9)) + 0.1
    A, B = np.full((7, 1), 1e-100), np.full((1, 9), 1e-60)
    kernels, X = kernels_for(V, backend)
    A, B = (kernels_for(factor, backend)[1] for factor in (A, B))
    found = kernels.loss(X, A, B, BetaDivergence(beta))
    assert found == pytest.approx((V**beta).sum() / (beta * (beta - 1)), rel=1e-12)
