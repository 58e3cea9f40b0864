"""Update rules: how a block of a factorization moves with the others held.

A rule is called with a problem (see `musaic_core.lowrank.problem`) and a block's name, once a
block and iteration, and moves that block in place. It combines with every model
and, unless it says otherwise, with every β. A rule may remember the blocks' past: it
serves one factorization.
"""

from __future__ import annotations

import math
from typing import Any

from musaic_core.lowrank.arrays import library_of

__all__ = ["HALS", "MU", "UPDATES", "ExtrapolatedMU", "HALSThenMU", "make_update"]


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
    multiplicative step from there. Not monotone at each step.

    The paper proves convergence for β in [1, 2] where the squares of the extrapolations
    have a finite sum, and bounds α so that they do. That bound is left out here, and
    with it the proof. In practice the other β converge too, in half of the iterations.

    References
    ----------
    Hien, Leplat and Gillis, "Block majorization minimization with extrapolation and
    application to β-NMF", SIAM Journal on Mathematics of Data Science 7, 2025.
    """

    def __init__(self) -> None:
        self._previous: dict[str, Any] = {}
        self._momentum: dict[str, float] = {}

    def __call__(self, problem: Any, block: str) -> None:
        B = problem.blocks[block]
        if block in self._previous:
            previous, old = self._previous[block], self._momentum[block]
            new = self._momentum[block] = (1 + math.sqrt(1 + 4 * old * old)) / 2
            step = library_of(B).maximum(B, previous)
            step -= previous
            step *= (old - 1) / new
            previous[...] = B
            B += step
        else:
            self._previous[block], self._momentum[block] = 1 * B, 1.0
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


class HALSThenMU(ExtrapolatedMU):
    """Extrapolated multiplicative updates from where weighted HALS has come.

    The first iterations are coordinate descent on squares that resemble the divergence
    and cost less: their weights, (row mean × column mean)^(β-2), have rank one. For β
    in [0.5, 2] that leaves few of the multiplicative updates to be made, and ends
    lower; for β = 0 the weights fit badly, and it is no faster than those alone.
    Before its end the divergence may rise, and it forgets a start that was good. An
    NTD's core takes multiplicative steps throughout.

    Parameters
    ----------
    n_hals : int, default=20
        Iterations of HALS.
    effort : float, default=0.15
        As in `HALS`.

    References
    ----------
    Blondel, Ho and Van Dooren, "Weighted nonnegative matrix factorization and face
    feature extraction", 2008 (such weights bring the squares close to the
    Kullback-Leibler divergence). Gillis and Glineur, Neural Computation 24 (4), 2012.
    """

    def __init__(self, n_hals: int = 20, effort: float = 0.15) -> None:
        super().__init__()
        self.n_hals = n_hals
        self.effort = effort
        self._taken: dict[str, int] = {}

    def __call__(self, problem: Any, block: str) -> None:
        taken = self._taken.get(block, 0)
        self._taken[block] = taken + 1
        if taken < self.n_hals:
            problem.weighted_hals(block, self.effort)
            return
        if taken == self.n_hals:
            problem.lift(block, 1e-3)
        super().__call__(problem, block)


UPDATES = {
    "mu": MU,
    "mu-extrapolated": ExtrapolatedMU,
    "hals": HALS,
    "hals-mu": HALSThenMU,
}


def make_update(update: Any) -> Any:
    """The rule of that name, or the rule itself where one is given."""
    if callable(update):
        return update
    if update not in UPDATES:
        raise ValueError(f"update is {update!r}; choose one of {', '.join(UPDATES)}")
    return UPDATES[update]()
