"""The steps of deep models are what they are said to be."""

import numpy as np
import pytest
from problems import every_beta
from scipy.optimize import brentq
from scipy.special import wrightomega

from musaic_core.lowrank.deep.below import Below
from musaic_core.lowrank.deep.sums import with_sums_of
from musaic_core.lowrank.divergence import BetaDivergence
from musaic_core.lowrank.kernels import kernels_for
from musaic_core.lowrank.kernels.arrays import wright_omega


def test_wright_omega_is_scipys():
    z = np.linspace(-50, 500, 2001)
    np.testing.assert_allclose(wright_omega(z), wrightomega(z), 1e-13)
    found = wright_omega(z.astype(np.float32))
    np.testing.assert_allclose(found, wrightomega(z), 1e-5)


@pytest.mark.parametrize("beta", [0, 1, 1.5, 2, 3])
@pytest.mark.parametrize("rho", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("backend", ["c", "numpy"])
def test_a_middle_factor_goes_to_the_minimum_of_its_majorization(beta, rho, backend):
    rng = np.random.default_rng(0)
    B, P, Q, Y = rng.gamma(0.5, 1, (4, 3, 50)) + 1e-3
    p = max(beta - 1, 0)
    q = max(2 - beta, 0)

    def slope(w, b, positive, negative, y):
        t = w / b
        pull = np.log(w / y) if beta == 1 else (w**power - y**power) / power
        return negative * t**p - positive * t**-q + rho * pull

    power = beta - 1
    divergence = BetaDivergence(beta)
    found = np.asfortranarray(B)  # as a view of templates is
    kernels, _ = kernels_for(B, backend)
    Below(rho, Y, divergence).minimise(found, P, Q, divergence, kernels)
    for index in np.ndindex(B.shape):
        arguments = B[index], P[index], Q[index], Y[index]
        expected = brentq(slope, 1e-12, 1e6, args=arguments, xtol=1e-14, rtol=1e-13)
        assert found[index] == pytest.approx(expected, rel=1e-7)


@every_beta
def test_the_step_at_given_sums_keeps_them_and_meets_its_condition(beta):
    rng = np.random.default_rng(0)
    B, P, Q = rng.gamma(0.5, 1, (3, 4, 30))
    exponent = BetaDivergence(beta).exponent
    target = with_sums_of(B, P, Q, exponent)
    np.testing.assert_allclose(target.sum(1), B.sum(1), 1e-9)
    ratio = (target / B) ** (1 / exponent)
    for k in range(4):  # one multiplier explains the whole row
        above, below = P[k] / ratio[k] - Q[k], ratio[k] * Q[k] - P[k]
        multiplier = above if above.mean() > 0 else below
        np.testing.assert_allclose(multiplier, multiplier[0], 1e-6)
    # with a denominator that is the same in a row, the other form has the same sums
    flat = with_sums_of(B, P, Q[:, :1], 1.0)
    np.testing.assert_allclose(flat, B * P * (B.sum(1) / (B * P).sum(1))[:, None])


def test_the_step_at_given_sums_keeps_zeros_that_nothing_speaks_of():
    B = np.array([[0, 0, 1]], np.float32)
    P, Q = (np.array([[0, 0, x]], np.float32) for x in (6.64e13, 6.65e13))
    np.testing.assert_array_equal(with_sums_of(B, P, Q, 0.5), B)


@every_beta
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_step_at_given_sums_keeps_them_however_far_apart_entries_are(beta, dtype):
    rng = np.random.default_rng(0)
    powers = rng.uniform(-12, 12, (3, 40, 9)) * rng.integers(0, 2, (3, 40, 9))
    B, P, Q = (10**powers).astype(dtype)
    B /= B.sum(1, keepdims=True)
    exponent = BetaDivergence(beta).exponent
    target = with_sums_of(B, P, Q, exponent)
    precision = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(target.sum(1), 1, precision)
    rows = (x.astype(float) for x in (B, P, Q, target))
    for b, p, q, found in zip(*rows, strict=True):

        def excess(mu, b=b, p=p, q=q):
            ratio = (p + max(-mu, 0)) / (q + max(mu, 0))
            return (b * ratio**exponent).sum() - 1

        mu = brentq(excess, -1e30, 1e30, xtol=1e-300, rtol=1e-15, maxiter=999)
        wanted = b * ((p + max(-mu, 0)) / (q + max(mu, 0))) ** exponent
        np.testing.assert_allclose(found, wanted, 1e4 * precision, precision)
