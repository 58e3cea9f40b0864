"""Rows that keep their sums: the step of such a block, and which activations do."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from musaic_core.lowrank.arrays import dtype_name, library_of

__all__ = ["inner_units", "with_sums_of"]

Array = Any


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
    share = B / (sums + (sums == 0))
    heavy = _moved(share, numerator, denominator, exponent).sum(-1)[..., None] > 1
    mu = _least_multiplier(share, numerator, denominator, exponent, heavy)
    accuracy = 1e-6 if dtype_name(B) == "float32" else 1e-13
    for _ in range(50):
        up, down = numerator + mu * ~heavy, denominator + mu * heavy
        terms = _moved(share, up, down, exponent)
        total = terms.sum(-1)[..., None]
        total = total + (total == 0)
        if bool((abs(total - 1) <= accuracy).all()):
            break
        slope = (terms / (down * heavy + up * ~heavy)).sum(-1)[..., None]
        # of total^(1 / exponent) or its inverse, which is concave in μ and rises to 1
        height = total ** (1 / exponent)
        height = height * ~heavy + heavy / (height + ~heavy)
        mu = (mu + (1 - height) * total / (height * (slope + (slope == 0)))).clip(0)
    target = _moved(B, up, down, exponent)
    total = target.sum(-1)[..., None]
    return target * (sums / (total + (total == 0)))


def _moved(B, up, down, exponent):
    """The multiplicative step, in which zeros stay zero however large the quotient."""
    return B * up**exponent / down**exponent


def _least_multiplier(share, numerator, denominator, exponent, heavy):
    """A size of μ (K, 1) that is no larger than it must be, and so not far off.

    With it no share of a sum is above 1 if they must fall, and one is at least a
    fraction 1 / N if they must rise. That holds however far apart the entries are;
    from a μ that is too large by orders of magnitude, Newton's method does not return.
    """
    fallen = share ** (1 / exponent) * numerator - denominator
    part = (share.shape[-1] * share).clip(1e-3)
    risen = denominator * part ** (-1 / exponent) - numerator
    most = library_of(share).amax(fallen, -1)[..., None]
    least = library_of(share).amin(risen, -1)[..., None]
    return (most * heavy + least * ~heavy).clip(0)


def inner_units(chains: dict, weights: dict | None, moving: Collection) -> set:
    """The activations of layers that keep sum 1, as a layer below them counts."""
    units = set()
    for top, chain in chains.items():
        given = (weights or {}).get(top, [1.0] * len(chain))
        for (W, A), weight in zip(chain, given[1:], strict=False):
            if weight > 0 and W in moving and A in moving:
                units.add(A)
    return units
