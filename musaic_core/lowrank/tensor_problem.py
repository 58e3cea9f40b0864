"""What the problems of tensor models share: half problems on unfoldings."""

from __future__ import annotations

from typing import Any

from musaic_core.lowrank.arrays import contiguous, library_of, unfold
from musaic_core.lowrank.problem import Problem

__all__ = ["TensorProblem"]

Array = Any
Name = Any


class TensorProblem(Problem):
    """A tensor and its factors by mode; each mode's half problem is on its unfolding.

    Products of few columns with the tensor are left to the array library, whose BLAS
    was measured to be faster at them than the kernels in C.

    `cache` holds what stays true until a block moves; `moved` drops what does not.
    """

    data_block = 0

    def __init__(self, V, *arguments, **options) -> None:
        # the unfoldings of the first and the last mode are views of such an array
        super().__init__(contiguous(V), *arguments, **options)
        if self.data_weights is not None:
            self.data_weights = contiguous(self.data_weights)
        self.cache: dict[Any, Array] = {}
        self._unfoldings: dict[tuple[int, bool], Array] = {}
        self._balanced: Name = None  # the block that was balanced last

    @property
    def factors(self) -> list[Array]:
        """The factors (I_n, R_n) by mode."""
        return [self.blocks[n] for n in range(self.V.ndim)]

    def held(self, mode: int) -> Array:
        """What the factor of a mode is multiplied with: (product of sizes, R_mode)."""
        raise NotImplementedError

    def unfolding(self, mode: int, array: Array | None = None) -> Array:
        """(I_mode, product of the other sizes): the data's, or the data weights'."""
        array = self.V if array is None else array
        if mode == self.V.ndim - 1:
            return array.reshape(-1, array.shape[-1]).mT
        key = mode, array is self.V
        if key not in self._unfoldings:
            self._unfoldings[key] = unfold(array, mode)
        return self._unfoldings[key]

    def as_data(self, mode: int, array: Array) -> Array:
        return self.unfolding(mode, array).mT

    def half(self, mode: int) -> tuple[Array, Array, Array]:
        return self.as_data(mode, self.V), self.held(mode), self.blocks[mode].mT

    def gram(self, mode: int) -> Array:
        """The products of a factor's columns with each other, (R_mode, R_mode)."""
        key = "gram", mode
        if key not in self.cache:
            U = self.blocks[mode]
            self.cache[key] = U.mT @ U
        return self.cache[key]

    def moved(self, name: Name) -> None:
        self.cache.pop(("gram", name), None)

    @property
    def has_normal(self) -> bool:
        """Whether the products of least squares, for β = 2 unweighted, are enough."""
        return self.divergence.beta == 2 and self.data_weights is None

    def terms(self, name: Name) -> tuple[Array, Array, Array]:
        if not self.has_normal:
            return super().terms(name)
        product, gram, B = self.normal(name)
        return product, gram @ B, B

    def weighted_hals(self, name: Name, effort: float) -> None:
        super().weighted_hals(name, effort)
        self.balance(name)

    def balance(self, name: Name) -> None:
        """Give a block and the one that moved before it one size, in place.

        The weights of each mode's squares ask for another size of the product. What a
        mode takes of it others give back, again and again, and blocks would leave the
        range of single precision. By powers of two, so that nothing else changes.
        """
        before, self._balanced = self._balanced, name
        if before is None or before == name:
            return
        mine, others = self.blocks[name], self.blocks[before]
        library, sizes = library_of(mine), (mine.mean(), others.mean())
        mine_size, others_size = (size + (size == 0) for size in sizes)
        apart = (library.log2(others_size) - library.log2(mine_size)) / 2
        factor = library.exp2(library.round(apart))
        mine *= factor
        others /= factor
        self.moved(before)

    def plain_mu(self, name: Name) -> None:
        if self.has_normal:
            self.kernels.normal_mu(*self.normal(name))
        else:
            super().plain_mu(name)
