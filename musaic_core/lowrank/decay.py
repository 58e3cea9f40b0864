"""A penalty under which components start at once and fade at a given rate."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

from musaic_core.lowrank.arrays import library_of
from musaic_core.lowrank.penalties import Penalty

__all__ = ["Decay"]

Array = Any


class Decay(Penalty):
    """Activations that follow their past: Σ_t d(ρ h_{t-1} + a σ | h_t + a σ).

    d is the Itakura-Saito divergence, ``d(x | y) = x / y - log(x / y) - 1``, which is
    not symmetric: an activation that leaps above what is left of its past pays the
    logarithm of the leap, as a note's attack; one that falls faster than it decays pays
    in proportion. σ² is the component's mean square, so its scale does not count.

    A rate of 1 and a level near 0 are the penalty of the paper. With a rate of 1 and a
    level far above 1 it is `Smoothness`, of the weight over 2 a². Of a tensor, "time"
    is the axis of the mode that it is given for.

    Parameters
    ----------
    weight : float
        The objective is the divergence plus `weight` times the penalty.
    rate : float
        The ρ above, what is left of an activation a frame later: above 0, at most 1.
    level : float, default=0.01
        The a above. Below it, beside a component's root mean square, changes cost
        little, and silence is nothing special.

    References
    ----------
    Févotte, "Majorization-minimization algorithm for smooth Itakura-Saito nonnegative
    matrix factorization", ICASSP 2011.
    """

    def __init__(self, weight: float, rate: float, level: float = 0.01) -> None:
        super().__init__(weight)
        if isinstance(rate, bool) or not isinstance(rate, Real) or not 0 < rate <= 1:
            raise ValueError(f"rate is {rate!r}; give a number above 0, at most 1")
        if isinstance(level, bool) or not 0 < level < math.inf:
            raise ValueError(f"level is {level!r}; give a number above 0")
        self.rate, self.level = float(rate), float(level)

    def of_unit(self, B):
        past, present = self._compared(B)
        excess = (past - present) / present
        return (excess - library_of(B).log1p(excess)).sum()

    def gradient_of_unit(self, B):
        past, present = self._compared(B)
        left, now = self.rate * B[..., :-1], B[..., 1:]  # without what they share
        plus, minus = 0 * B, 0 * B
        plus[..., 1:] += now / present / present
        minus[..., 1:] += left / present / present
        plus[..., :-1] += self.rate * left / present / past
        minus[..., :-1] += self.rate * now / present / past
        return plus, minus

    def _compared(self, B):
        """What is left of the frame before, and each frame but the first."""
        floor = self.level / B.shape[-1] ** 0.5  # σ is 1 / √T at unit length
        return self.rate * B[..., :-1] + floor, B[..., 1:] + floor
