"""What a factor between two layers costs by what lies below it, and its best step."""

from __future__ import annotations

from musaic_core.lowrank.arrays import library_of
from musaic_core.lowrank.kernels.arrays import multiply

__all__ = ["Below"]


class Below:
    """ρ D_β(W | Y): a factor W, in the place of data, and the model Y below it."""

    is_linear = False

    def __init__(self, weight, Y, divergence):
        self.weight, self.Y, self.divergence = weight, Y, divergence

    def value(self, B):
        """What it adds to the objective."""
        return self.weight * self.divergence(B, self.Y)

    def parts(self, B):
        """Both parts of its gradient, which is the first less the second."""
        rho, power = self.weight, self.divergence.beta - 1
        if power == 0:
            slope = library_of(B).log((B + 1e-30) / (self.Y + 1e-30))
            return rho * slope.clip(0), rho * (-slope).clip(0)
        above, below = (
            rho / abs(power) * (matrix + 1e-30) ** power for matrix in (B, self.Y)
        )
        return (above, below) if power > 0 else (below, above)

    def minimise(self, B, P, Q, divergence, kernels):
        """Move B to where the sum of it and of the divergence's majorization is least.

        The majorization has the derivative ``Q t^p - P t^(-q)``, t being the ratio to
        B. For β = 1 the minimum is a Lambert W, for β = 0 and 3/2 a root of a
        quadratic. For other β it is that of a majorization that lies higher, which
        is the multiplicative step (exact for β ≥ 2).
        """
        if divergence.beta == 1:
            kernels.middle_step(P, Q, self.Y, B, self.weight)
        else:
            B[...] = self._minimiser(B, P, Q, divergence)

    def _minimiser(self, B, P, Q, divergence):
        rho, Y, beta = self.weight, self.Y, divergence.beta
        if beta == 0:
            # (Q + ρ / Y) w² - ρ w - P B² = 0
            a, c = Q + rho / Y, P * B * B
            return (rho + (rho * rho + 4 * a * c) ** 0.5) / (2 * a)
        if beta == 1.5:
            # (Q / √B + 2 ρ) s² - 2 ρ √Y s - P √B = 0 with w = s², times √B
            root = B**0.5
            a, b, c = Q + 2 * rho * root, rho * root * Y**0.5, P * B
            return ((b + (b * b + a * c) ** 0.5) / (a + 1e-35)) ** 2
        plus, minus = self.parts(B)
        target = 1 * B
        multiply(target, P + minus, Q + plus, divergence.exponent)
        return target
