"""Update rules: how a block of a factorization moves with the others held.

A rule is called with a problem (see `musaic_core.lowrank.problem`) and a block's name,
once a block and iteration, and moves that block in place. It combines with every model
and, unless it says otherwise, with every β. A rule may remember the blocks' past: each
factorization takes a copy of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from musaic_core.lowrank.arrays import library_of

__all__ = [
    "HALS",
    "MU",
    "UPDATES",
    "ExtrapolatedMU",
    "Given",
    "HALSThenMU",
    "Update",
    "make_update",
]


class Update:
    """What the run asks of a rule; a subclass says how a block moves.

    One that may raise the objective is watched: the start is kept, the objective is
    computed before the first iteration and after the last, and the best is given back
    of all points at which it is known.
    """

    needs_least_squares = False  # whether it needs blocks that least squares can move
    is_monotone = False  # whether the objective never rises
    is_settled = True  # whether what the objective does tells how far it has come

    def __call__(self, problem: Any, block: str) -> None:
        """Move a block of the problem in place."""
        raise NotImplementedError

    def finish(self, problem: Any) -> None:
        """Hear that the run ends here."""

    def forget(self) -> None:
        """Hear that the blocks were brought back to where they were before."""

    def rescale(self, scales: Mapping[str, float]) -> None:
        """Hear that the blocks of those names are multiplied with those numbers."""


class Given(Update):
    """A function of a problem and a block's name."""

    def __init__(self, function: Callable) -> None:
        self._function = function

    def __call__(self, problem, block):
        self._function(problem, block)


class MU(Update):
    """Multiplicative updates, with the exponent that makes them monotone.

    References
    ----------
    Lee and Seung, "Learning the parts of objects by non-negative matrix
    factorization", Nature 401, 1999. Févotte and Idier, Neural Computation 23 (9),
    2011 (the exponent).
    """

    is_monotone = True

    def __call__(self, problem: Any, block: str) -> None:
        problem.mu(block)


class ExtrapolatedMU(Update):
    """Multiplicative updates taken from an extrapolated point.

    Each block first goes on along the nonnegative part of its last step,
    ``B + α max(B - B_previous, 0)``, with Nesterov's α, then takes the
    multiplicative step from there. Not monotone at each step.

    The paper proves convergence for β in [1, 2] of factors that are bounded away from
    zero, where the squares of the extrapolations have a finite sum. The option
    `epsilon` gives the former, and `bound` the latter. In practice it converges without
    them, for the other β too, in half of the iterations.

    Parameters
    ----------
    bound : float, optional
        Let the k-th extrapolation of a factor, ``α (B - B_previous)``, be no longer
        than ``bound × k^-0.5005`` times the factor where it started. By default it is
        as long as Nesterov's α makes it; a large number, such as 1e3, rarely shortens
        it.

    References
    ----------
    Hien, Leplat and Gillis, "Block majorization minimization with extrapolation and
    application to β-NMF", SIAM Journal on Mathematics of Data Science 7, 2025.
    """

    def __init__(self, bound: float | None = None) -> None:
        self.bound = bound
        self._previous: dict[str, Any] = {}
        self._momentum: dict[str, float] = {}
        self._longest: dict[str, float] = {}  # of the first extrapolation
        self._count: dict[str, int] = {}

    def __call__(self, problem: Any, block: str) -> None:
        B = problem.blocks[block]
        if block in self._previous:
            previous, old = self._previous[block], self._momentum[block]
            new = self._momentum[block] = (1 + math.sqrt(1 + 4 * old * old)) / 2
            alpha = (old - 1) / new
            if self.bound is not None:
                alpha = min(alpha, self._most(block, B))
            step = library_of(B).maximum(B, previous)
            step -= previous
            step *= alpha
            previous[...] = B
            B += step
            problem.extrapolated(block)
        else:
            self._previous[block], self._momentum[block] = 1 * B, 1.0
        problem.mu(block)

    def forget(self) -> None:
        """Begin anew where the blocks are."""
        for memory in (self._previous, self._momentum, self._longest, self._count):
            memory.clear()

    def rescale(self, scales: Mapping[str, float]) -> None:
        """Let what is remembered of the blocks follow them."""
        for name, scale in scales.items():
            for memory in (self._previous, self._longest):
                if name in memory and scale != 1:
                    memory[name] = memory[name] * scale

    def _most(self, block, B):
        """The α at which the extrapolation has the length that `bound` allows."""
        self._count[block] = count = self._count.get(block, 0) + 1
        if block not in self._longest:
            self._longest[block] = self.bound * _norm(B)
        length = _norm(B - self._previous[block])
        return self._longest[block] * count**-0.5005 / length if length > 0 else 1.0


class HALS(Update):
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

    needs_least_squares = True
    is_monotone = True

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
    lower; for β = 0 the weights fit badly, and it is no faster than those alone. An
    NTD's core takes multiplicative steps throughout.

    Before its end the divergence may rise: HALS leaves a start that was good, such as
    an earlier model, and a run that ends above its start gives that back. To go on from
    a model without HALS once more, give the rule that the model has, its `update`. A
    run that ends among the iterations of HALS has its zeros lifted where β ≤ 1, and
    goes on from there.

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

    needs_least_squares = True
    _least = 1e-3  # the share of its row's mean that an entry is lifted to

    def __init__(self, n_hals: int = 20, effort: float = 0.15) -> None:
        super().__init__()
        self.n_hals = n_hals
        self.effort = effort
        self._taken: dict[str, int] = {}

    @property
    def is_settled(self) -> bool:
        """Whether the multiplicative updates have begun."""
        return bool(self._taken) and min(self._taken.values()) > self.n_hals

    def __call__(self, problem: Any, block: str) -> None:
        taken = self._taken.get(block, 0)
        self._taken[block] = taken + 1
        if taken < self.n_hals:
            problem.weighted_hals(block, self.effort)
            return
        if taken == self.n_hals > 0:
            problem.lift(block, self._least)
        super().__call__(problem, block)

    def finish(self, problem: Any) -> None:
        """Lift the zeros that are left, as most divergences from zero are infinite."""
        for block, taken in self._taken.items():
            if taken <= self.n_hals and problem.divergence.beta <= 1:
                problem.lift(block, self._least)
                problem.moved(block)


UPDATES = {
    "mu": MU,
    "mu-extrapolated": ExtrapolatedMU,
    "hals": HALS,
    "hals-mu": HALSThenMU,
}


def _norm(B):
    return float((B * B).sum()) ** 0.5


def make_update(update: Any) -> Update:
    """The rule of that name, or a copy of the one given, with what it remembers."""
    if isinstance(update, Update):
        return deepcopy(update)
    if callable(update):
        return Given(update)
    if not isinstance(update, str) or update not in UPDATES:
        raise ValueError(f"update is {update!r}; choose one of {', '.join(UPDATES)}")
    return UPDATES[update]()
