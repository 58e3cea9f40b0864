"""What is minimised: a model's factors, its half problems, and the data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from musaic_core.lowrank.arrays import library_of, to_numpy
from musaic_core.lowrank.divergence import BetaDivergence
from musaic_core.lowrank.kernels.arrays import multiply
from musaic_core.lowrank.lengths import row_norms
from musaic_core.lowrank.optimality import kkt_residual
from musaic_core.lowrank.starts import INITIALISATIONS
from musaic_core.lowrank.steps import penalised_step

__all__ = ["Problem"]

Array = Any
Name = Any


class Problem:
    """Data, a model's blocks (its factors, by name) and the divergence between them.

    A model says in `half` which half problem ``X ≈ A B`` the update of a block is,
    with B a view of the block, and in `as_data` how X is seen in V. The rest follows,
    and a model overrides it where its structure allows something faster.

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
    data_weights : array of V's shape, optional
        What the divergence of each entry of V is multiplied with, 0 where it is
        missing.
    scale : float, default=1.0
        What the data that was given was multiplied with, a power of two.
    scales : dict of name to float, optional
        What the blocks were multiplied with, see `find_scales`; 1 by default.
    """

    starts = INITIALISATIONS  # the methods that `start` knows
    has_least_squares = True  # whether updates by least squares exist
    any_scale = True  # whether the updates of data far from 1 are as exact
    layer_weights: dict | None = None  # the weights of layers, if there are any
    takes_sparse = False  # whether V is a csc_array
    keeps_sums = False  # whether some factors are held at sum 1
    epsilon = 0.0  # what no entry that moves may fall below
    data_block: Name  # the factor whose half problem gives the divergence of the data

    def __init__(
        self,
        V,
        blocks: dict,
        masks: dict,
        divergence,
        kernels,
        penalties=None,
        data_weights=None,
        scale: float = 1.0,
        scales: Mapping[Name, float] | None = None,
    ) -> None:
        self.V = V
        self.data_weights = data_weights
        self.blocks = blocks
        self.masks = masks
        self.divergence = divergence
        self.kernels = kernels
        self.scale, self.scales = scale, scales or dict.fromkeys(blocks, 1.0)
        self.penalties = {
            name: [
                penalty.times(self.at_scale(penalty.degree, self.product_scale(name)))
                for penalty in given
            ]
            for name, given in (penalties or {}).items()
        }
        self._weights: dict[Name, Array] = {}

    @classmethod
    def start(
        cls,
        V: np.ndarray,
        shapes: dict,
        init: str,
        rng: np.random.Generator,
        **arguments: Any,
    ) -> dict[Name, np.ndarray]:
        """Start factors of those shapes for data V, by the name of a method.

        The further arguments are those that the class itself takes.
        """
        raise NotImplementedError

    @classmethod
    def model(cls, factors: dict[Name, Array], n_iter: int) -> Any:
        """The factorization to give back."""
        raise NotImplementedError

    @classmethod
    def penalised(cls, shapes: dict, **arguments: Any) -> list[Name]:
        """What penalties may be given for, by name: the factors."""
        return list(shapes)

    @classmethod
    def find_scales(
        cls,
        scale: float,
        wanted: Mapping[Name, float],
        names: Sequence[Name],
        moving: Sequence[Name],
        **arguments: Any,
    ) -> dict[Name, float]:
        """What each block is multiplied with where the data is multiplied with `scale`.

        The model of the blocks is then multiplied with as much. `wanted` are powers of
        two that bring those that are given near 1; one block takes what is left.
        """
        free = (moving or names)[0]
        scales = {name: wanted.get(name, 1.0) for name in names if name != free}
        return scales | {free: scale / math.prod(scales.values())}

    def product_scale(self, name: Name) -> float:
        """What the product that a penalty's block is part of was multiplied with."""
        return math.prod(self.scales.values())

    def at_scale(self, degree: float = 0.0, scale: float = 1.0) -> float:
        """What a term is to be weighed with that grew with that power of a scale.

        The divergence of the data grew with the power β of the data's, so the objective
        as a whole is to.
        """
        power = self.divergence.beta * math.log2(self.scale) - degree * math.log2(scale)
        with np.errstate(all="ignore"):
            return float(np.exp2(power))

    def as_moving(self, name: Name, block: Array) -> Array:
        """The view of a block, or of an array like it, that is its half problem's B."""
        return block.mT

    def as_data(self, name: Name, array: Array) -> Array:
        """The view of V, or of an array of its shape, that is a half problem's X."""
        raise NotImplementedError

    def weights_of(self, name: Name) -> Array | None:
        """What the entries of a half problem's X count, (M, N); None if all count 1."""
        if self.data_weights is None:
            return None
        return self.as_data(name, self.data_weights)

    def half(self, name: Name) -> tuple[Array, Array, Array]:
        """(X, A, B): data (M, N), held factor (M, K), view of the block (K, N)."""
        raise NotImplementedError

    def normal(self, name: Name) -> tuple[Array, Array, Array]:
        """(AᵀX, AᵀA, B): what least squares by a block is made of."""
        X, A, B = self.half(name)
        return self.kernels.product(A, X), self.kernels.product(A, A), B

    def completed_normal(
        self, name: Name, rows: Array | None = None
    ) -> tuple[Array, Array, Array]:
        """The same for data whose missing part is what the model makes of it.

        With w the weights over the largest of their column, ``(1 - w) A B + w X`` in
        the place of X gives squares that lie above the weighted ones, up to a constant,
        and touch them at B: whatever lowers these lowers those. `rows` (M, 1), if
        given, are weights of the rows that come on top.

        References
        ----------
        Srebro and Jaakkola, "Weighted low-rank approximations", ICML 2003. Kim and
        Choi, "Weighted nonnegative matrix factorization", ICASSP 2009.
        """
        X, A, B = self.half(name)
        weights = self.weights_of(name)
        most = library_of(weights).amax(weights, -2)[..., None, :]
        scaled = A if rows is None else A * rows
        weights = weights if rows is None else weights * rows
        wanted, had = self.kernels.terms(X, A, B, BetaDivergence(2.0), weights)
        gram = self.kernels.product(scaled, A)
        return gram @ B + (wanted - had) / (most + (most == 0)), gram, B

    def terms(self, name: Name) -> tuple[Array, Array, Array]:
        """Both parts of the divergence's gradient by a view of the block, and it."""
        X, A, B = self.half(name)
        parts = self.kernels.terms(X, A, B, self.divergence, self.weights_of(name))
        return *parts, B

    def mu(self, name: Name) -> None:
        """The multiplicative update of a block, in place."""
        penalties = self.penalties_on(name)
        if penalties:
            positive, negative, B = self.terms(name)
            least = self.least(name)
            penalised_step(
                B, positive, negative, self.divergence, penalties, least=least
            )
        else:
            self.plain_mu(name)

    def plain_mu(self, name: Name) -> None:
        """The multiplicative update that knows no penalties, in place."""
        self.kernels.mu(*self.half(name), self.divergence, self.weights_of(name))

    def mu_by_terms(self, name: Name) -> None:
        """The same by `terms`, where the block is not its half problem's own B."""
        positive, negative, B = self.terms(name)
        multiply(B, positive, negative, self.divergence.exponent)

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
        return {n: row_norms(B, 1 if n == block else 2).mT for n, B in moving.items()}

    def coupling(self, name: Name, lengths: dict[Name, Array]) -> Array:
        """What a component's length in one factor is multiplied with, (K, 1)."""
        return math.prod(lengths[other] for other in lengths if other != name).mT

    def hals(self, name: Name, effort: float) -> None:
        """Coordinate descent for β = 2, in place.

        Sweeps cost about `effort` times the products that they share, ten at most.
        """
        weighted = self.data_weights is not None
        normal = self.completed_normal(name) if weighted else self.normal(name)
        self._descend(name, *normal, effort)

    def weighted_hals(self, name: Name, effort: float) -> None:
        """The same for weighted squares, which stand in for another β, in place.

        Near Y the divergence is squares with weights Y^(β-2). Here Y is the product
        of the data's row and column means: then X is not needed again, and a column
        of B does not depend on its own weight.
        """
        X, A, B = self.half(name)
        weights = self.weights_of(name)
        if name not in self._weights:
            if weights is None:
                means = X.mean(-1)[..., None]
            else:
                counts = weights.sum(-1)[..., None]
                means = (weights * X).sum(-1)[..., None] / (counts + (counts == 0))
            means = means + self.divergence.floor
            means = means.clip(1e-4 * means.mean(-2)[..., None])
            self._weights[name] = means ** (self.divergence.beta - 2)
        if weights is not None:
            normal = self.completed_normal(name, self._weights[name])
            self._descend(name, *normal, effort)
            return
        weighted = A * self._weights[name]
        product, gram = (self.kernels.product(weighted, factor) for factor in (X, A))
        self._descend(name, product, gram, B, effort)

    def _descend(self, name, product, gram, B, effort) -> None:
        if name in self.masks:
            # nothing is as bad for the objective as what is masked
            masked = self.as_moving(name, self.masks[name]) == 0
            product = library_of(product).where(masked, -math.inf, product)
        K, N = B.shape[-2:]
        M = math.prod(self.V.shape) * K / math.prod(B.shape)
        ratio = 1 + M * (N + K) / (N * (K + 1))
        self.kernels.hals(product, gram, B, min(1 + int(effort * ratio), 10))

    def size(self) -> float:
        """The mean of what the model makes of the data."""
        _, A, B = self.half(self.data_block)
        A, B = (to_numpy(factor).astype(np.float64) for factor in (A, B))
        return float((A.sum(-2) * B.sum(-1)).sum()) / math.prod(self.V.shape)

    def enlarge(self, factor: float, moving: Sequence[Name]) -> None:
        """Multiply the model with a number, by one of those blocks, in place."""
        self.blocks[moving[0]] *= factor
        self.moved(moving[0])

    def lift(self, name: Name, share: float) -> None:
        """Bring a block's entries up to a share of their row's mean in B, in place.

        A zero, which a multiplicative update could not leave, can then grow.
        """
        B = self.as_moving(name, self.blocks[name])
        B[...] = B.clip(share * B.mean(-1)[..., None])
        if name in self.masks:
            self.blocks[name] *= self.masks[name]

    def least(self, name: Name) -> float:
        """The ε that a block's entries are no smaller than."""
        return self.epsilon * self.scales[name]

    def keep_above(self, name: Name) -> None:
        """Bring what is below ε up to it, in place, except for masked entries."""
        block = self.blocks[name]
        library_of(block).clip(block, self.least(name), None, out=block)
        if name in self.masks:
            block *= self.masks[name]

    def extrapolated(self, name: Name) -> None:
        """Hear that a block was moved on, and bring it back to what it must satisfy."""

    def moved(self, name: Name) -> None:
        """Hear that a block has moved."""

    def gradient(self, name: Name) -> tuple[Array, Array, Array]:
        """(minus, plus, B): the objective's gradient by B is plus - minus."""
        minus, plus, B = self.terms(name)
        for penalty in self.penalties_on(name):
            more, less = penalty.parts(B)
            minus, plus = minus + less, plus + more
        return minus, plus, B

    def kkt_residual(self, moving: Sequence[Name]) -> float:
        """The largest residual of those blocks; see `kkt_residual` in `optimality`."""
        residuals = [0.0]
        for name in moving:
            minus, plus, B = self.gradient(name)
            mask = self.masks.get(name)
            mask = None if mask is None else self.as_moving(name, mask)
            residuals.append(kkt_residual(B, minus, plus, mask))
        return max(residuals)

    def as_given(self, loss: Any) -> Any:
        """An objective, or several, for the data as it was given."""
        return loss / self.at_scale() if self.scale != 1 else loss

    def data_loss(self) -> float:
        """The divergence of the data from the model at the current blocks."""
        half, weights = self.half(self.data_block), self.weights_of(self.data_block)
        return self.kernels.loss(*half, self.divergence, weights)

    def loss(self) -> float:
        """The objective at the current blocks: the divergence and the penalties."""
        return self.data_loss() + sum(
            self.penalty_value(penalty, block)
            for block, penalties in self.penalties.items()
            for penalty in penalties
        )

    def penalty_value(self, penalty: Any, block: Name) -> float:
        """What a penalty on a block is worth."""
        seen = penalty.seen_from(block, block, self)
        return seen.value(self.as_moving(block, self.blocks[block]))
