"""How a factorization ended: its objective, what led there, and how to go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["Fit", "best_of", "factors_of"]

Array = Any
Name = Any


class Fit:
    """What a fitted model knows of the minimisation; see `Model` for what is public.

    Parameters
    ----------
    problem : Problem
        Of the factors as they ended.
    moving : sequence of names
        The factors that moved.
    factors : dict of name to array
        All of them, at the data's scale.
    history : array, optional
        The objective at the start and after each iteration, at the data's scale.
    converged : bool, default=False
    update : Update, optional
        The rule with what it remembers.
    """

    def __init__(
        self,
        problem: Any,
        moving: Sequence[Name],
        factors: Mapping[Name, Array],
        history: Array | None = None,
        converged: bool = False,
        update: Any = None,
    ) -> None:
        self._problem, self._moving = problem, moving
        self._known: dict[str, float] = {}
        self.factors = factors
        self.history = history
        self.converged = converged
        self.update = update
        self.layer_weights = problem.layer_weights

    @property
    def objective(self) -> float:
        """The objective, computed once, when it is first asked for."""
        if "objective" not in self._known:
            self._known["objective"] = self._problem.as_given(self._problem.loss())
        return self._known["objective"]

    @property
    def kkt_residual(self) -> float:
        """The largest of the factors that moved, computed once, when asked for."""
        if "kkt_residual" not in self._known:
            residual = self._problem.kkt_residual(self._moving)
            self._known["kkt_residual"] = residual
        return self._known["kkt_residual"]

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or a file has: the numbers, and not the data."""
        known = {"objective": self.objective, "kkt_residual": self.kkt_residual}
        return {**self.__dict__, "_known": known, "_problem": None}


def best_of(
    n_starts: int, seed: int | None, fit: Callable[[int | None, Any], Any]
) -> Any:
    """The model of the lowest objective of several starts.

    Parameters
    ----------
    n_starts : int
    seed : int or None
        Of the first start; the others' follow from it.
    fit : callable
        ``fit(seed, first)`` gives a model; `first` is that of the first start, or None.

    Returns
    -------
    Model
        One of those.
    """
    later = np.random.SeedSequence(seed).generate_state(n_starts - 1)
    first = best = fit(seed, None)
    for other in later:
        model = fit(int(other), first)
        if not model.objective >= best.objective:
            best = model
    return best


def factors_of(model: Any, names: Sequence[Name]) -> list[Array]:
    """The factors of a model that was fitted, in the order of their names.

    Raises
    ------
    ValueError
        The model has none, or others.
    """
    factors = model.fit.factors if model.fit is not None else {}
    if {*factors} != {*names}:
        raise ValueError(
            f"init is a model with the factors {[*factors]}; give one that the same "
            f"function has fitted, or its factors, {', '.join(map(str, names))}"
        )
    return [factors[name] for name in names]
