"""What the factorizations share: their half problems and the run from V to a model."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from musaic_core.lowrank.arrays import multi_mode_product, unfold
from musaic_core.lowrank.checks import (
    check_beta,
    check_choice,
    check_factor,
    check_limits,
    check_names,
    check_nonnegative,
    copy_like,
    floating,
    scaling,
)
from musaic_core.lowrank.divergence import BetaDivergence
from musaic_core.lowrank.kernels import kernels_for
from musaic_core.lowrank.kernels.arrays import multiply
from musaic_core.lowrank.penalties import check_penalties, penalised_step
from musaic_core.lowrank.starts import INITIALISATIONS
from musaic_core.lowrank.updates import HALS, HALSThenMU, make_update

__all__ = ["Problem", "TensorProblem", "factorize"]

Array = Any
Name = Any


class Problem:
    """Data, a model's blocks (its factors, by name) and the divergence between them.

    A model says in `half` which half problem ``X ≈ A B`` the update of a block is,
    with B a view of the block. The rest follows, and a model overrides it where its
    structure allows something faster.

    Parameters
    ----------
    V : array
        The data, as the kernels take it.
    blocks : dict of name to array
        The factors, which move in place.
    masks : dict of name to array
        1 where an entry of the factor may move, 0 where it stays zero.
    divergence : BetaDivergence
    kernels : ArrayKernels
    penalties : dict of name to list of Penalty
        What is added to the divergence, by the block that it is a function of.
    """

    least_squares = True  # whether updates by least squares exist

    def __init__(
        self, V, blocks: dict, masks: dict, divergence, kernels, penalties=None
    ) -> None:
        self.V = V
        self.blocks = blocks
        self.masks = masks
        self.divergence = divergence
        self.kernels = kernels
        self.penalties = penalties or {}
        self._weights: dict[Name, Array] = {}

    @classmethod
    def start(
        cls, V: np.ndarray, shapes: dict, init: str, rng: np.random.Generator
    ) -> dict[Name, np.ndarray]:
        """Start factors of those shapes for data V, by the name of a method."""
        raise NotImplementedError

    @classmethod
    def model(cls, factors: dict[Name, Array], n_iter: int) -> Any:
        """The factorization to give back."""
        raise NotImplementedError

    def as_moving(self, name: Name, block: Array) -> Array:
        """The view of a block, or of an array like it, that is its half problem's B."""
        return block.mT

    def half(self, name: Name) -> tuple[Array, Array, Array]:
        """(X, A, B): data (M, N), held factor (M, K), view of the block (K, N)."""
        raise NotImplementedError

    def normal(self, name: Name) -> tuple[Array, Array, Array]:
        """(AᵀX, AᵀA, B): what least squares by a block is made of."""
        X, A, B = self.half(name)
        return self.kernels.product(A, X), self.kernels.product(A, A), B

    def terms(self, name: Name) -> tuple[Array, Array, Array]:
        """Both parts of the divergence's gradient by a view of the block, and it."""
        X, A, B = self.half(name)
        return *self.kernels.terms(X, A, B, self.divergence), B

    def mu(self, name: Name) -> None:
        """The multiplicative update of a block, in place."""
        penalties = self.penalties_on(name)
        if penalties:
            positive, negative, B = self.terms(name)
            penalised_step(B, positive, negative, self.divergence, penalties)
        else:
            self.plain_mu(name)

    def plain_mu(self, name: Name) -> None:
        """The multiplicative update that knows no penalties, in place."""
        self.kernels.mu(*self.half(name), self.divergence)

    def penalties_on(self, name: Name) -> list:
        """The penalties as functions of one block alone, the others held."""
        return [
            seen
            for block, penalties in self.penalties.items()
            for penalty in penalties
            if (seen := penalty.seen_from(name, block, self)) is not None
        ]

    def lengths(self, block: Name) -> dict[Name, Array]:
        """Lengths of the components of each factor (1, K): ℓ2, of `block` ℓ1."""
        moving = {n: self.as_moving(n, factor) for n, factor in self.blocks.items()}
        return {
            n: (B.sum(-1) if n == block else (B * B).sum(-1) ** 0.5)[..., None, :]
            for n, B in moving.items()
        }

    def coupling(self, name: Name, lengths: dict[Name, Array]) -> Array:
        """What a component's length in one factor is multiplied with, (K, 1)."""
        return math.prod(lengths[other] for other in lengths if other != name).mT

    def hals(self, name: Name, effort: float) -> None:
        """Coordinate descent for β = 2, in place.

        Sweeps cost about `effort` times the products that they share, ten at most.
        """
        self._descend(name, *self.normal(name), effort)

    def weighted_hals(self, name: Name, effort: float) -> None:
        """The same for weighted squares, which stand in for another β, in place.

        Near Y the divergence is squares with weights Y^(β-2). Here Y is the product
        of the data's row and column means: then X is not needed again, and a column
        of B does not depend on its own weight.
        """
        X, A, B = self.half(name)
        if name not in self._weights:
            means = X.mean(-1)[..., None] + self.divergence.floor
            means = means.clip(1e-4 * means.mean(-2)[..., None])
            self._weights[name] = means ** (self.divergence.beta - 2)
        weighted = A * self._weights[name]
        product, gram = (self.kernels.product(weighted, factor) for factor in (X, A))
        self._descend(name, product, gram, B, effort)

    def _descend(self, name, product, gram, B, effort) -> None:
        if name in self.masks:
            # nothing is as bad for the objective as what is masked
            product = product + self.as_moving(name, -1e30 * (self.masks[name] == 0))
        K, N = B.shape[-2:]
        M = math.prod(self.V.shape) * K / math.prod(B.shape)
        ratio = 1 + M * (N + K) / (N * (K + 1))
        self.kernels.hals(product, gram, B, min(1 + int(effort * ratio), 10))

    def lift(self, name: Name, share: float) -> None:
        """Bring a block's entries up to a share of their row's mean in B, in place.

        A zero, which a multiplicative update could not leave, can then grow.
        """
        B = self.as_moving(name, self.blocks[name])
        B[...] = B.clip(share * B.mean(-1)[..., None])
        if name in self.masks:
            self.blocks[name] *= self.masks[name]

    def moved(self, name: Name) -> None:
        """Hear that a block has moved."""

    def loss(self) -> float:
        """The divergence at the current blocks."""
        name = next(iter(self.blocks))
        return self.kernels.loss(*self.half(name), self.divergence) + sum(
            penalty.seen_from(block, block, self).value(
                self.as_moving(block, self.blocks[block])
            )
            for block, penalties in self.penalties.items()
            for penalty in penalties
        )


class TensorProblem(Problem):
    """A tensor and its factors by mode; each mode's half problem is on its unfolding.

    `cache` holds what stays true until a block moves; `moved` drops what does not.
    """

    def __init__(self, V, *arguments, **options) -> None:
        # the unfoldings of the first and the last mode are views of such an array
        V = V.contiguous() if hasattr(V, "contiguous") else np.ascontiguousarray(V)
        super().__init__(V, *arguments, **options)
        self.cache: dict[str, Array] = {}
        self._unfoldings: dict[int, Array] = {}

    @property
    def factors(self) -> list[Array]:
        """The factors (I_n, R_n) by mode."""
        return [self.blocks[n] for n in range(self.V.ndim)]

    def held(self, mode: int) -> Array:
        """What the factor of a mode is multiplied with: (product of sizes, R_mode)."""
        raise NotImplementedError

    def unfolding(self, mode: int) -> Array:
        """The data's unfolding, (I_mode, product of the other sizes)."""
        if mode == self.V.ndim - 1:
            return self.V.reshape(-1, self.V.shape[-1]).mT
        if mode not in self._unfoldings:
            self._unfoldings[mode] = unfold(self.V, mode)
        return self._unfoldings[mode]

    def half(self, mode: int) -> tuple[Array, Array, Array]:
        return self.unfolding(mode).mT, self.held(mode), self.blocks[mode].mT

    def times(self, X: Array, factors: Sequence[Array | None]) -> Array:
        """``X ×_0 factors[0] ×_1 factors[1] ...`` with these kernels."""
        return multi_mode_product(X, factors, product=self.kernels.product)

    def terms(self, name: Name) -> tuple[Array, Array, Array]:
        if self.divergence.beta != 2:
            return super().terms(name)
        product, gram, B = self.normal(name)
        return product, gram @ B, B

    def plain_mu(self, name: Name) -> None:
        if self.divergence.beta == 2:
            product, denominator, B = self.terms(name)
            multiply(B, product, denominator, 1)
        else:
            super().plain_mu(name)


def factorize(
    problem: type[Problem],
    V: Array,
    shapes: dict[Name, tuple[int, ...]],
    order: Sequence[Name],
    *,
    beta: float,
    init: str | Sequence[Array | None],
    update: str | Callable,
    fixed: Collection[Name],
    mask: Mapping[Name, Array] | None,
    max_iter: int,
    tol: float,
    max_time: float | None,
    seed: int | None,
    callback: Callable[[int, Any], bool | None] | None,
    backend: str | None,
    penalties: Mapping[Name, Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Any:
    """Check the arguments, start, iterate and give back the problem's model.

    `shapes` are the factors' by name, `order` is the one they move in, `options` go to
    the problem; the other arguments are those of `musaic_core.nmf.nmf`.
    """
    V = floating(V)
    mean = check_nonnegative(V, "V")
    beta = check_beta(beta)
    limits = check_limits(max_iter, tol, max_time)
    mask = {} if mask is None else mask
    check_names(fixed, "fixed", shapes)
    check_names(mask, "mask", shapes)
    penalties = check_penalties(penalties, shapes)
    rule = make_update(update)
    if isinstance(rule, HALS | HALSThenMU) and (penalties or not problem.least_squares):
        raise ValueError(
            f"update is {update!r}, which knows neither penalties nor layers: give "
            "'mu' or 'mu-extrapolated'"
        )
    moving = [name for name in order if name not in fixed]

    kernels, data = kernels_for(V, backend)
    dtype = str(V.dtype).removeprefix("torch.")
    # extreme data is brought to a mean near 1, and a factor that moves takes it back
    # (a penalty or a layer would then count otherwise)
    free = moving and problem.least_squares and not penalties
    scale = scaling(mean, dtype) if free else 1.0
    if scale != 1:
        data = data * scale
    given = _given(init, shapes, data)
    if moving and moving[0] in given:
        given[moving[0]] *= scale
    missing = [name for name in shapes if name not in given]
    if missing:
        host = data.cpu().numpy() if hasattr(data, "cpu") else data
        method = init if isinstance(init, str) else "random"
        start = problem.start(host, shapes, method, np.random.default_rng(seed))
        given |= {name: copy_like(start.pop(name), data) for name in missing}
    masks = {name: _checked_mask(mask[name], given[name], name) for name in mask}
    for name in masks:
        given[name] *= masks[name]
    blocks = {name: given[name] for name in shapes}
    divergence = BetaDivergence.for_data(beta, mean * scale, dtype)
    state = problem(
        data, blocks, masks, divergence, kernels, penalties, **(options or {})
    )

    def result(n_iter: int) -> Any:
        factors = dict(blocks)
        if scale != 1:
            factors[moving[0]] = factors[moving[0]] / scale
        factors = {name: _in_library_of(V, factor) for name, factor in factors.items()}
        return state.model(factors, n_iter)

    def step(iteration: int) -> bool | None:
        for name in moving:
            rule(state, name)
            state.moved(name)
        return callback and callback(iteration, result(iteration))

    return result(_iterate(step, state.loss, **limits) if moving else 0)


def _iterate(
    step: Callable[[int], bool | None],
    loss: Callable[[], float],
    max_iter: int,
    tol: float,
    max_time: float | None,
) -> int:
    """Run `step` until it returns True or a limit is reached; the steps run."""
    begin = time.perf_counter()
    first = last = loss() if tol > 0 else 0.0
    for iteration in range(1, max_iter + 1):
        if step(iteration):
            return iteration
        if max_time is not None and time.perf_counter() - begin >= max_time:
            return iteration
        if tol > 0 and iteration % 10 == 0:
            current = loss()
            if last - current < tol * first:
                return iteration
            last = current
    return max_iter


def _given(init: Any, shapes: dict, like: Array) -> dict[Name, Array]:
    """The start factors that the caller gave, checked and copied."""
    if isinstance(init, str):
        check_choice(init, "init", INITIALISATIONS)
        return {}
    if not isinstance(init, (tuple, list)) or len(init) != len(shapes):
        raise ValueError(
            f"init is {type(init).__name__}; give one of {', '.join(INITIALISATIONS)}, "
            f"or {len(shapes)} factors, {', '.join(map(str, shapes))}, None for those "
            "to draw at random"
        )
    return {
        name: check_factor(factor, shape, f"init's {name}", like)
        for (name, shape), factor in zip(shapes.items(), init, strict=True)
        if factor is not None
    }


def _checked_mask(mask: Array, factor: Array, name: Name) -> Array:
    if tuple(np.shape(mask)) != tuple(factor.shape):
        raise ValueError(
            f"mask[{name!r}] has shape {tuple(np.shape(mask))}; "
            f"the factor's is {tuple(factor.shape)}"
        )
    mask = mask if hasattr(mask, "detach") else np.asarray(mask)
    return copy_like(mask != 0, factor)


def _in_library_of(V: Array, factor: Array) -> Array:
    """The factor as an array of the data's library."""
    if hasattr(V, "detach") and not hasattr(factor, "detach"):
        import torch

        return torch.from_numpy(factor)
    if hasattr(factor, "detach") and not hasattr(V, "detach"):
        return factor.numpy()
    return factor
