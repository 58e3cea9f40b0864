"""Update rules: how a block of a factorization moves with the others held.

A rule is called with a problem (see `musaic_core.fit`) and a block's name, once a
block and iteration, and moves that block in place. It combines with every model
and, unless it says otherwise, with every β.
"""

from __future__ import annotations

import math
from typing import Any

__all__ = ["HALS", "MU", "UPDATES", "ExtrapolatedMU", "make_update"]


class MU:
    """Multiplicative updates, with the exponent that makes them monotone.

    References
    ----------
    Lee and Seung, "Learning the parts of objects by non-negative matrix
    factorization", Nature 401, 1999. Févotte and Idier, Neural Computation 23 (9),
    2011 (the exponent).
    """

    def __call__(self, problem: Any, block: str) -> None:
        problem.mu(block)


class ExtrapolatedMU:
    """Multiplicative updates taken from an extrapolated point.

    Each block first goes on along the nonnegative part of its last step,
    ``B + α max(B - B_previous, 0)``, with Nesterov's α, then takes the
    multiplicative step from there. Not monotone at each step; it converges for
    β in [1, 2], and in practice for the others, in a fraction of the iterations.

    References
    ----------
    Hien, Leplat and Gillis, "Block majorization minimization with extrapolation and
    application to β-NMF", arXiv 2401.06646, 2024.
    """

    def __init__(self) -> None:
        self._previous: dict[str, Any] = {}
        self._momentum: dict[str, float] = {}

    def __call__(self, problem: Any, block: str) -> None:
        B = problem.blocks[block]
        last = 1 * B
        if block in self._previous:
            old = self._momentum[block]
            new = self._momentum[block] = (1 + math.sqrt(1 + 4 * old * old)) / 2
            B += (old - 1) / new * (B - self._previous[block]).clip(0)
        else:
            self._momentum[block] = 1.0
        self._previous[block] = last
        problem.mu(block)


class HALS:
    """Accelerated hierarchical alternating least squares, for β = 2.

    Exact coordinate descent, row after row, several times over while the two
    products that dominate its cost are held. An NTD's core takes as many
    multiplicative steps instead.

    Parameters
    ----------
    effort : float, default=0.5
        Time to spend on further sweeps, as a share of the products' cost.

    References
    ----------
    Gillis and Glineur, "Accelerated multiplicative updates and hierarchical ALS
    algorithms for nonnegative matrix factorization", Neural Computation 24 (4),
    2012.
    """

    def __init__(self, effort: float = 0.5) -> None:
        self.effort = effort

    def __call__(self, problem: Any, block: str) -> None:
        if problem.divergence.beta != 2:
            raise ValueError(
                "update 'hals' minimises the Euclidean distance: give beta=2 with it, "
                "or update='mu'"
            )
        problem.hals(block, self.effort)


UPDATES = {"mu": MU, "mu-extrapolated": ExtrapolatedMU, "hals": HALS}


def make_update(update: Any) -> Any:
    """The rule of that name, or the rule itself where one is given."""
    if callable(update):
        return update
    if update not in UPDATES:
        raise ValueError(f"update is {update!r}; choose one of {', '.join(UPDATES)}")
    return UPDATES[update]()
