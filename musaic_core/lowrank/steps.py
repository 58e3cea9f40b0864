"""Steps of one block that lower the objective, with penalties.

They go to the minimum of a function that lies above the objective and touches it where
the block is: a majorization.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from musaic_core.lowrank.arrays import dtype_name, library_of
from musaic_core.lowrank.divergence import BetaDivergence
from musaic_core.lowrank.kernels.arrays import multiply

__all__ = ["penalised_step"]

Array = Any


def penalised_step(
    B: Array,
    positive: Array,
    negative: Array,
    divergence: BetaDivergence,
    penalties: Sequence,
    goal: Any = None,
    least: float = 0.0,
) -> None:
    """Move B, in place, so that the divergence and the penalties together fall.

    The goal is the multiplicative step with the penalties' parts in its quotient. The
    divergence lies below its majorization at B, which is a sum over the entries; so
    where that plus the penalties, computed exactly, is no higher than before, neither
    is the objective. If it is, the goal is brought halfway back: the step from B to
    it has a negative product with the gradient, so one that lowers the sum is found.

    Parameters
    ----------
    B : array (..., K, N)
    positive, negative : array
        The divergence's parts, ``Aᵀ(X Y^(β-2))`` and ``Aᵀ Y^(β-1)``.
    penalties : sequence
        Objects with ``value(B)`` and ``parts(B)``.
    goal : callable, optional
        ``goal(B, numerator, denominator)`` in place of the multiplicative step.
    least : float, default=0.0
        What no entry may fall below; those of B do not.
    """
    numerator, denominator = positive, negative
    for penalty in penalties:
        plus, minus = penalty.parts(B)
        numerator, denominator = numerator + minus, denominator + plus
    if goal is None and all(penalty.is_linear for penalty in penalties):
        multiply(B, numerator, denominator, divergence.exponent)
        return
    if goal is None:
        target = 1 * B
        multiply(target, numerator, denominator, divergence.exponent)
    else:
        target = goal(B, numerator, denominator)
    if least > 0:
        target = target.clip(least)
    # where its partner vanishes, a component of free scale would grow without bounds
    library, most = library_of(B), _most(dtype_name(B))
    target = library.minimum(target, library.maximum(B, 0 * B + most))
    before = sum(penalty.value(B) for penalty in penalties)
    for _ in range(40):
        change, size = _majorized_change(B, target, positive, negative, divergence.beta)
        after = sum(penalty.value(target) for penalty in penalties)
        precision = 1e-6 if dtype_name(B) == "float32" else 1e-14
        if change + after - before <= precision * (size + abs(before)):
            B[...] = target
            return
        target = (B + target) / 2


def _most(dtype):
    """What no entry need grow beyond: its powers and products are far from overflow."""
    return 1e9 if dtype == "float32" else 1e70


def _majorized_change(B, target, positive, negative, beta):
    """How much the majorization of the divergence changes, and the size of its terms.

    References
    ----------
    Févotte and Idier, Neural Computation 23 (9), 2011, table 1.
    """
    tiny = 1e-30
    ratio = (target + tiny * (B <= 0)) / (B + (B <= 0))
    p, q = max(beta, 1.0), min(beta - 1, 1.0)  # powers of the ratio
    log = library_of(B).log(ratio.clip(tiny))
    falls = B * positive * (log if q == 0 else (ratio.clip(tiny) ** q - 1) / q)
    rises = B * negative * (ratio**p - 1) / p
    return float(rises.sum() - falls.sum()), float(abs(rises).sum() + abs(falls).sum())
