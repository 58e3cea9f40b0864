"""Where a deep factorization starts: its layers one by one, each an NMF."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from musaic_core.lowrank.checks import (
    check_choice,
    check_count,
    check_limits,
    check_names,
)
from musaic_core.lowrank.fit import best_of
from musaic_core.lowrank.models import Model
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.run import minimise
from musaic_core.lowrank.starts import INITIALISATIONS

__all__ = [
    "check_ranks",
    "given_or",
    "layer_names",
    "layer_ranks",
    "minimise_in_layers",
    "with_sum_one",
]

Array = Any
LOSSES = ("layers", "data")


def minimise_in_layers(
    problem: type,
    V: Array,
    shapes: dict,
    order: Sequence,
    start: Callable,
    stacks: Mapping[Any, Sequence[int]],
    *,
    loss: str,
    weights: Mapping[Any, Sequence[float]] | None,
    init: str | Mapping[Any, Array],
    start_iter: int,
    options: Mapping[str, Any],
) -> Any:
    """Start the layers one by one, then fit them together.

    Parameters
    ----------
    problem : subclass of Layered
    V : array
        The data.
    shapes : dict of name to tuple of int
        Of the model without layers, as `musaic_core.lowrank.run.minimise` takes them.
    order : sequence of names
        Likewise.
    start : callable
        ``start(given, init=..., fixed=..., ...)`` gives that model's factors by name.
    stacks : dict of name to sequence of int
        Ranks of the layers below a factor, the upper one first.
    loss : {"layers", "data"}
        As in `musaic_core.lowrank.deep_nmf`, and so for the next three.
    weights : dict of name to sequence of float, or None
        By the names in `stacks`.
    init : str or dict of name to array
    start_iter : int
    options : dict
        Of `musaic_core.lowrank.options.Options`, completed.

    Returns
    -------
    object
        What `problem.model` gives.
    """
    check_choice(loss, "loss", LOSSES)
    check_count(start_iter, "start_iter", 0)
    check_limits(options)
    if options["n_starts"] > 1:
        # from other starts with the weights of the first, or no two could be compared
        return best_of(
            options["n_starts"],
            options["seed"],
            lambda seed, first: minimise_in_layers(
                problem,
                V,
                shapes,
                order,
                start,
                stacks,
                loss=loss,
                weights=weights if first is None else first.fit.layer_weights,
                init=init,
                start_iter=start_iter,
                options={**options, "seed": seed, "n_starts": 1},
            ),
        )
    if isinstance(init, Model) and init.fit is not None:
        weights = init.fit.layer_weights if weights is None else weights
        init = init.fit.factors
    given = dict(init) if isinstance(init, Mapping) else {}
    method = "random" if isinstance(init, Mapping) else init
    if not isinstance(method, str):
        raise ValueError(
            f"init is {type(method).__name__}; give a name, a dict of factors, or a "
            "model that the same function has fitted"
        )
    check_choice(method, "init", INITIALISATIONS)
    chains = {top: layer_names(top, len(ranks)) for top, ranks in stacks.items()}
    all_shapes = dict(shapes)
    for top, ranks in stacks.items():
        rows, above = _matrix_shape(shapes[top])
        for names, rank in zip(chains[top], ranks, strict=True):
            all_shapes |= {names[0]: (rows, rank), names[1]: (rank, above)}
            above = rank
    check_names(given, "init", all_shapes)
    fixed = options["fixed"]
    mask = {} if options["mask"] is None else options["mask"]
    check_names(fixed, "fixed", all_shapes)
    check_names(mask, "mask", all_shapes)
    _check_weights(weights, stacks, loss)
    for top, ranks in stacks.items():
        _warn_of_copies(shapes[top], ranks, chains[top], {*fixed, *mask})

    def found(names, fit):
        """The factors of those names: what is given, and what fits beside it."""
        held = {name: given[name] for name in names if name in given}
        if len(held) == len(names):
            return held
        return held | fit(
            held,
            init=method,
            fixed=tuple(held),
            mask={name: m for name, m in mask.items() if name in names},
            max_iter=start_iter,
            **{name: options[name] for name in ("beta", "seed", "backend")},
        )

    data = {name: options[name] for name in ("data_weights", "missing")}
    factors = found(shapes, partial(start, **data))
    for top, ranks in stacks.items():
        above = factors[top].reshape(_matrix_shape(shapes[top]))
        for (W, A), rank in zip(chains[top], ranks, strict=True):

            def fit(held, mask, fixed, init, above=above, W=W, A=A, rank=rank, **how):
                plain = {W: "templates", A: "activations"}
                model = nmf(
                    above,
                    rank,
                    init=given_or((held.get(W), held.get(A)), init),
                    fixed=[plain[name] for name in fixed],
                    mask={plain[name]: m for name, m in mask.items()},
                    **how,
                )
                pair = model.templates, model.activations
                return dict(
                    zip((W, A), pair if held else with_sum_one(*pair), strict=True)
                )

            factors |= found((W, A), fit)
            above = factors[W]
    if loss == "data":  # these are products of what is below
        for top in stacks:
            del factors[top], all_shapes[top]
            order = [name for name in order if name != top]
        # the deepest templates are the only ones
        inner = {W for chain in chains.values() for W, _ in chain[:-1]}
        factors = {n: U for n, U in factors.items() if n not in inner}
        all_shapes = {n: s for n, s in all_shapes.items() if n not in inner}
    below = [name for chain in chains.values() for pair in chain for name in pair[::-1]]
    moving = [name for name in (*order, *below) if name in all_shapes]
    return minimise(
        problem,
        V,
        all_shapes,
        moving,
        [factors[name] for name in all_shapes],
        {
            "chains": chains,
            "tied": loss == "data",
            "weights": weights,
            "moving": [name for name in moving if name not in fixed],
        },
        **options,
    )


def layer_names(top: Any, n: int) -> list[tuple[str, str]]:
    """Names of the templates and activations of n layers below a factor."""
    prefix = "" if top == "templates" else f"{top} "
    return [
        (f"{prefix}templates {depth}", f"{prefix}activations {depth}")
        for depth in range(2, n + 2)
    ]


def layer_ranks(first: int, last: int, depth: int) -> list[int]:
    """Ranks of a model of some depth, by equal ratios from the first to the last.

    Parameters
    ----------
    first, last : int
        Templates of the finest layer and of the coarsest.
    depth : int
        How many layers: with 1, the first is all there is.

    Returns
    -------
    list of int
        One rank a layer.

    Examples
    --------
    >>> layer_ranks(40, 10, 3)
    [40, 20, 10]
    """
    check_count(depth, "depth")
    if depth == 1:
        return [first]
    return [int(rank) for rank in np.geomspace(first, last, depth).round()]


def _matrix_shape(shape):
    """Of a factor, or of a core unfolded by its last mode."""
    return int(np.prod(shape[:-1])), shape[-1]


def with_sum_one(W: Array, A: Array) -> tuple[Array, Array]:
    """The same product with the rows of A at sum 1, the scale in W."""
    sums = A.sum(-1)[..., None]
    sums = sums + (sums == 0)
    return W * sums.mT, A / sums


def given_or(pair: tuple, method: str) -> Any:
    """A pair of start factors, or the method where neither is given."""
    return pair if any(factor is not None for factor in pair) else method


def check_ranks(ranks: Any, name: str) -> list[int]:
    """Ranks of layers; a ValueError if they are not a sequence of whole numbers."""
    if not isinstance(ranks, (tuple, list, np.ndarray)) or len(ranks) == 0:
        raise ValueError(
            f"{name} is {ranks!r}; give a sequence of numbers, one a layer"
        )
    return [check_count(rank, name) for rank in ranks]


def _warn_of_copies(shape, ranks, chain, held):
    """Warn of a layer that can be the factor above it, and so explains nothing."""
    rows, above = _matrix_shape(shape)
    for (W, A), rank in zip(chain, ranks, strict=True):
        if rank >= min(rows, above) and not held & {W, A}:
            warnings.warn(
                f"the layer of {W!r} has rank {rank}, and what it factorizes is "
                f"{rows} × {above}: it can copy that, and explains nothing; give a "
                f"rank below {min(rows, above)}, or leave it out",
                UserWarning,
                stacklevel=4,
            )
        above = rank


def _check_weights(weights, stacks, loss):
    if weights is None:
        return
    if loss == "data":
        raise ValueError("weights is for loss='layers'; loss='data' has none")
    check_names(weights, "weights", stacks)
    for top, given in weights.items():
        numbers = np.ndim(given) == 1 and len(given) == len(stacks[top])
        if not numbers or not all(np.isfinite(w) and w >= 0 for w in given):
            raise ValueError(
                f"weights is {given!r}; give {len(stacks[top])} numbers, 0 or more, "
                "one for each layer below the first"
            )
