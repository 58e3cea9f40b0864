"""From data to a model: the arguments are checked, the factors start and move."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Unpack

import numpy as np

from musaic_core.lowrank.arrays import (
    copy_like,
    dtype_name,
    in_library_of,
    to_numpy,
)
from musaic_core.lowrank.checks import (
    check_beta,
    check_choice,
    check_factor,
    check_limits,
    check_mask,
    check_names,
    mean_of,
    scaling,
)
from musaic_core.lowrank.divergence import BetaDivergence
from musaic_core.lowrank.fit import Fit, best_of, factors_of
from musaic_core.lowrank.kernels import kernels_for
from musaic_core.lowrank.missing import observed, observed_sparse
from musaic_core.lowrank.models import Model
from musaic_core.lowrank.options import Options, complete
from musaic_core.lowrank.penalties import check_penalties
from musaic_core.lowrank.problem import Problem
from musaic_core.lowrank.updates import Given, Update, make_update

__all__ = ["minimise"]

Array = Any
Name = Any


def minimise(
    problem: type[Problem],
    V: Array,
    shapes: dict[Name, tuple[int, ...]],
    order: Sequence[Name],
    init: str | Sequence[Array | None],
    arguments: Mapping[str, Any] | None = None,
    **options: Unpack[Options],
) -> Any:
    """Move the factors of a problem to where its objective is low.

    Parameters
    ----------
    problem : subclass of Problem
    V : array
        The data.
    shapes : dict of name to tuple of int
        The factors', by name.
    order : sequence of names
        Which factor moves after which.
    init : str, Model or sequence of arrays
        A method's name, an earlier model, or the factors in the order of `shapes`; one
        that is None is drawn at random.
    arguments : dict, optional
        What `problem` takes besides what all problems do.
    **options : Options
        See `musaic_core.lowrank.options.Options`.

    Returns
    -------
    object
        What `problem.model` gives.
    """
    given, arguments = complete(options), dict(arguments or {})
    check_limits(given)
    if given["n_starts"] > 1:
        return best_of(
            given["n_starts"],
            given["seed"],
            lambda seed, first: minimise(
                problem,
                V,
                shapes,
                order,
                init,
                arguments,
                **given | {"seed": seed, "n_starts": 1},
            ),
        )
    fixed, mask = given["fixed"], {} if given["mask"] is None else given["mask"]
    callback = given["callback"]
    look = observed_sparse if problem.takes_sparse else observed
    V, weights, mean = look(V, given["data_weights"], given["missing"])
    beta = check_beta(given["beta"])
    check_names(fixed, "fixed", shapes)
    if not isinstance(mask, Mapping):
        raise ValueError(
            f"mask is {type(mask).__name__}; give a dict of arrays, by factors out of "
            f"{list(shapes)}"
        )
    check_names(mask, "mask", shapes)
    penalised = problem.penalised(shapes, **arguments)
    penalties = check_penalties(given["penalties"], penalised)
    rule = make_update(given["update"])
    if rule.needs_least_squares and (penalties or not problem.has_least_squares):
        raise ValueError(
            f"update is {given['update']!r}, which knows neither penalties nor layers "
            "nor structured models nor weights of sparse data: give 'mu' or "
            "'mu-extrapolated'"
        )
    moving = [name for name in order if name not in fixed]

    kernels, data = kernels_for(V, given["backend"])
    if weights is not None:
        _, weights = kernels_for(weights, given["backend"])
    # extreme data, and extreme factors that are given, are brought to a mean near 1
    near = bool(penalties) or not problem.any_scale
    scale = scaling(mean, dtype_name(V), near)
    if scale != 1:
        data = data * scale
    factors = _given(init, problem, shapes, data)
    wanted = {}
    if all(penalty.any_scale for some in penalties.values() for penalty in some):
        for name, factor in factors.items():
            wanted[name] = scaling(mean_of(factor), dtype_name(V), near)
    known = arguments | {"moving": moving}
    scales = problem.find_scales(scale, wanted, list(shapes), **known)
    rule.rescale(scales)
    held = {name: factors[name] for name in factors if name in fixed}
    for name in factors:
        if scales[name] != 1:
            factors[name] = _times(factors[name], scales[name])
    missing = [name for name in shapes if name not in factors]
    if missing:
        method = init if isinstance(init, str) else "random"
        rng = np.random.default_rng(given["seed"])
        start = problem.start(to_numpy(data), shapes, method, rng, **arguments)
        factors |= {name: copy_like(start.pop(name), data) for name in missing}
    masks = {name: check_mask(mask[name], factors[name], name) for name in mask}
    for name in masks:
        factors[name] *= masks[name]
        if name in held and scales[name] != 1:
            held[name] *= masks[name]
    blocks = {name: factors[name] for name in shapes}
    divergence = BetaDivergence.for_data(beta, mean * scale, dtype_name(V))
    state = problem(
        data,
        blocks,
        masks,
        divergence,
        kernels,
        penalties,
        weights,
        scale=scale,
        scales=scales,
        **arguments,
    )

    if mean > 0:
        if 0 < len(missing) < len(shapes):
            _complement(
                state, [name for name in moving if name in missing], mean * scale
            )
        elif not missing and moving and given["max_iter"] > 0:
            _approach(state, moving, mean * scale)

    if given["epsilon"] > 0:
        if rule.needs_least_squares or state.keeps_sums:
            raise ValueError(
                f"epsilon is {given['epsilon']!r}, which is for multiplicative updates "
                "of factors that are not held at sum 1; leave it at 0"
            )
        state.epsilon = given["epsilon"]
        for name in moving:
            state.keep_above(name)
            state.moved(name)

    def result(n_iter: int, **how: Any) -> Any:
        factors = {
            name: block if scales[name] == 1 else _times(block, 1 / scales[name])
            for name, block in blocks.items()
        }
        factors |= held  # to the last bit, however small an entry
        factors = {name: in_library_of(V, factor) for name, factor in factors.items()}
        model = state.model(factors, n_iter)
        model.fit = Fit(state, moving, factors, **how)
        return model

    def step(iteration: int) -> bool | None:
        for name in moving:
            rule(state, name)
            if state.epsilon > 0:
                state.keep_above(name)
            state.moved(name)
        return callback and callback(iteration, result(iteration))

    limits = {
        n: given[n] for n in ("max_iter", "max_time", "tol", "tol_kkt", "history")
    }
    ending = _iterate(step, state, rule, moving, **limits)
    rule.rescale({name: 1 / scales[name] for name in scales})
    return result(**ending)


def _iterate(
    step: Callable[[int], bool | None],
    state: Problem,
    rule: Update,
    moving: Sequence[Name],
    max_iter: int,
    max_time: float | None,
    tol: float,
    tol_kkt: float,
    history: bool,
) -> dict[str, Any]:
    """Run `step` until it returns True or a limit is reached; what to say of that."""
    begin = time.perf_counter()
    watched = bool(moving) and not rule.is_monotone and max_iter > 0
    first = state.loss() if tol > 0 or history or watched else math.nan
    losses = [first]
    best = _Best(state, moving, first) if watched else None
    last = first if rule.is_settled else None
    n_iter, converged = 0, False
    for n_iter in range(1, max_iter + 1) if moving else ():
        stop = step(n_iter)
        due = n_iter % 10 == 0 and rule.is_settled
        if history or (due and tol > 0):
            losses.append(state.loss())
            if watched:
                best.hear(losses[-1])
        if due and tol > 0:
            converged = last is not None and _is_still(first, last, losses[-1], tol)
            last = losses[-1]
        if due and tol_kkt > 0 and not converged:
            converged = state.kkt_residual(moving) <= tol_kkt
        if stop or converged:
            break
        if max_time is not None and time.perf_counter() - begin >= max_time:
            break
    rule.finish(state)
    if watched and best.is_better_than(state.loss()):
        best.restore()
        rule.forget()
    return {
        "n_iter": n_iter,
        "converged": converged,
        "update": None if isinstance(rule, Given) else rule,
        "history": state.as_given(np.array(losses)) if history else None,
    }


def _is_still(first: float, last: float, current: float, tol: float) -> bool:
    """Whether an objective changes by no more than is worth an iteration."""
    size = max(abs(first), abs(first - current))
    return abs(last - current) < tol * size or last == current


class _Best:
    """The best of the points at which the objective is known."""

    def __init__(self, state: Problem, moving: Sequence[Name], loss: float) -> None:
        self._state, self._moving = state, moving
        self._loss = loss
        self._copy()

    def hear(self, loss: float) -> None:
        """Take the present point if its objective is lower."""
        if loss < self._loss:
            self._loss = loss
            self._copy()

    def is_better_than(self, loss: float) -> bool:
        """Whether that was lower; nothing is worse than what is no number."""
        return not loss <= self._loss

    def restore(self) -> None:
        """Bring the factors back."""
        for name, block in self._blocks.items():
            self._state.blocks[name][...] = block
            self._state.moved(name)

    def _copy(self) -> None:
        self._blocks = {name: 1 * self._state.blocks[name] for name in self._moving}


def _given(init: Any, problem: type, shapes: dict, like: Array) -> dict[Name, Array]:
    """The start factors that the caller gave, checked and copied."""
    if isinstance(init, str):
        check_choice(init, "init", problem.starts)
        return {}
    if isinstance(init, Model):
        init = factors_of(init, shapes)
    if not isinstance(init, (tuple, list)) or len(init) != len(shapes):
        raise ValueError(
            f"init is {type(init).__name__}; give one of {', '.join(problem.starts)}, "
            f"or {len(shapes)} factors, {', '.join(map(str, shapes))}, None for those "
            "to draw at random"
        )
    return {
        name: check_factor(factor, shape, f"init's {name}", like)
        for (name, shape), factor in zip(shapes.items(), init, strict=True)
        if factor is not None
    }


def _times(array: Array, power: float) -> Array:
    """An array times a power of two that its dtype may not have."""
    root = 2.0 ** (math.log2(power) // 2)
    return array * root * (power / root)


def _complement(state: Problem, drawn: Sequence[Name], mean: float) -> None:
    """Scale what was drawn, so that with what is given the model has that mean."""
    size = state.size()
    if drawn and 0 < size < math.inf:
        state.enlarge(mean / size, drawn)


def _approach(state: Problem, moving: Sequence[Name], mean: float) -> None:
    """Bring a start that is far too small or large near data of that mean.

    The updates could not: powers of such a model overflow, or vanish.
    """
    size = min(state.size() / mean, 1e300)
    factor = scaling(size, dtype_name(state.V))
    if factor != 1:
        before = state.loss()
        state.enlarge(factor, moving)
        # from there, to the multiple whose divergence is least, or nearly so
        *parts, B = state.terms(state.data_block)
        up, down = (float((B * part).sum()) for part in parts)
        best = 2.0 ** round(math.log2(up / down)) if up > 0 < down else 1.0
        state.enlarge(best, moving)
        if state.loss() > before:
            state.enlarge(1 / (best * factor), moving)
