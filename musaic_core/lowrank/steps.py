"""Steps of one block that lower the objective, with penalties or with its sums held.

Both go to the minimum of a function that lies above the objective and touches it where
the block is: a majorization.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from musaic_core.lowrank.arrays import dtype_name, library_of
from musaic_core.lowrank.divergence import BetaDivergence
from musaic_core.lowrank.kernels.arrays import multiply

__all__ = ["penalised_step", "with_sums_of"]

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
    before = sum(penalty.value(B) for penalty in penalties)
    for _ in range(40):
        change, size = _majorized_change(B, target, positive, negative, divergence.beta)
        after = sum(penalty.value(target) for penalty in penalties)
        precision = 1e-6 if dtype_name(B) == "float32" else 1e-14
        if change + after - before <= precision * (size + abs(before)):
            B[...] = target
            return
        target = (B + target) / 2


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


def with_sums_of(
    B: Array, numerator: Array, denominator: Array, exponent: float
) -> Array:
    """The multiplicative step of B (K, N) with the sums of rows kept.

    A multiplier μ a row, added to the denominator where it is positive and to the
    numerator where it is negative, keeps the step a minimum of a majorization; the
    sum falls as μ rises, and Newton's method finds μ from one side. With a
    denominator that is constant in a row, as for β = 1, μ need not be known.

    References
    ----------
    Leplat, Gillis and Idier, "Multiplicative updates for NMF with β-divergences under
    disjoint equality constraints", SIAM Journal on Matrix Analysis and Applications
    42 (2), 2021.
    """
    sums = B.sum(-1)[..., None]
    if denominator.shape[-1] == 1 and B.shape[-1] > 1:
        target = B * numerator
        total = target.sum(-1)[..., None]
        return library_of(B).where(
            total > 0, target * (sums / (total + (total == 0))), B
        )
    tiny = 1e-30
    numerator, denominator = numerator + tiny, denominator + tiny
    share = B / (sums + tiny)
    ratio = (numerator / denominator) ** exponent
    heavy = (share * ratio).sum(-1)[..., None] > 1
    mu = 1e-6 * (denominator * heavy + numerator * ~heavy).mean(-1)[..., None]
    accuracy = 1e-6 if dtype_name(B) == "float32" else 1e-13
    for _ in range(50):
        up, down = numerator + mu * ~heavy, denominator + mu * heavy
        terms = share * (up / down) ** exponent
        total = terms.sum(-1)[..., None] + tiny
        slope = (terms / (down * heavy + up * ~heavy)).sum(-1)[..., None] + tiny
        # of total^(1 / exponent) or its inverse, which is concave in μ and rises to 1
        height = total ** (1 / exponent)
        height = height * ~heavy + heavy / (height + ~heavy)
        if bool((abs(total - 1) * (sums > 0) <= accuracy).all()):
            break
        mu = (mu + (1 - height) * total / (height * slope)).clip(0)
    target = B * (up / down) ** exponent
    total = target.sum(-1)[..., None]
    return target * (sums / (total + (total == 0)))
