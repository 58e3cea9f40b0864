"""From data to a model: the arguments are checked, the factors start and move."""

from __future__ import annotations

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
    scaling,
)
from musaic_core.lowrank.divergence import BetaDivergence
from musaic_core.lowrank.kernels import kernels_for
from musaic_core.lowrank.missing import observed, observed_sparse
from musaic_core.lowrank.options import Options, complete
from musaic_core.lowrank.penalties import check_penalties
from musaic_core.lowrank.problem import Problem
from musaic_core.lowrank.updates import Update, make_update

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
    init : str or sequence of arrays
        A method's name, or the factors in the order of `shapes`; one that is None is
        drawn at random.
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
    fixed, mask = given["fixed"], {} if given["mask"] is None else given["mask"]
    callback = given["callback"]
    look = observed_sparse if problem.takes_sparse else observed
    V, weights, mean = look(V, given["data_weights"], given["missing"])
    beta = check_beta(given["beta"])
    limits = check_limits(given["max_iter"], given["tol"], given["max_time"])
    check_names(fixed, "fixed", shapes)
    check_names(mask, "mask", shapes)
    penalised = problem.penalised(shapes, **arguments)
    penalties = check_penalties(given["penalties"], penalised)
    rule = make_update(given["update"])
    if rule.needs_least_squares and (penalties or not problem.has_least_squares):
        raise ValueError(
            f"update is {given['update']!r}, which knows neither penalties nor layers "
            "nor structured models: give 'mu' or 'mu-extrapolated'"
        )
    moving = [name for name in order if name not in fixed]

    kernels, data = kernels_for(V, given["backend"])
    if weights is not None:
        _, weights = kernels_for(weights, given["backend"])
    # extreme data is brought to a mean near 1, and factors that move take it back
    known = {**arguments, "moving": moving}
    carriers = problem.find_carriers(**known) if moving else set()
    near = bool(penalties) or not problem.any_scale
    scale = scaling(mean, dtype_name(V), near) if carriers else 1.0
    if scale != 1:
        data = data * scale
    factors = _given(init, problem, shapes, data)
    for name in carriers & {*factors}:
        factors[name] *= scale
    missing = [name for name in shapes if name not in factors]
    if missing:
        method = init if isinstance(init, str) else "random"
        rng = np.random.default_rng(given["seed"])
        start = problem.start(to_numpy(data), shapes, method, rng, **arguments)
        factors |= {name: copy_like(start.pop(name), data) for name in missing}
    masks = {name: check_mask(mask[name], factors[name], name) for name in mask}
    for name in masks:
        factors[name] *= masks[name]
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
        carriers=carriers,
        **arguments,
    )

    def result(n_iter: int) -> Any:
        factors = dict(blocks)
        if scale != 1:
            factors |= {name: factors[name] / scale for name in carriers}
        factors = {name: in_library_of(V, factor) for name, factor in factors.items()}
        return state.model(factors, n_iter)

    def step(iteration: int) -> bool | None:
        for name in moving:
            rule(state, name)
            state.moved(name)
        return callback and callback(iteration, result(iteration))

    n_iter = _iterate(step, state.loss, rule, **limits) if moving else 0
    rule.finish(state)
    return result(n_iter)


def _iterate(
    step: Callable[[int], bool | None],
    loss: Callable[[], float],
    rule: Update,
    max_iter: int,
    tol: float,
    max_time: float | None,
) -> int:
    """Run `step` until it returns True or a limit is reached; the steps run."""
    begin = time.perf_counter()
    first = loss() if tol > 0 else 0.0
    last = first if rule.is_settled else None
    for iteration in range(1, max_iter + 1):
        if step(iteration):
            return iteration
        if max_time is not None and time.perf_counter() - begin >= max_time:
            return iteration
        if tol > 0 and iteration % 10 == 0 and rule.is_settled:
            current = loss()
            # an extrapolation may have raised it: that is no reason to stop there
            if last is not None and abs(last - current) < tol * first:
                return iteration
            last = current
    return max_iter


def _given(init: Any, problem: type, shapes: dict, like: Array) -> dict[Name, Array]:
    """The start factors that the caller gave, checked and copied."""
    if isinstance(init, str):
        check_choice(init, "init", problem.starts)
        return {}
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
