"""Problems whose model is no product of two matrices: what is minimised, by entries."""

from __future__ import annotations

from typing import Any

import numpy as np

from musaic_core.lowrank.arrays import library_of, to_numpy
from musaic_core.lowrank.problem import Problem

__all__ = ["EntriesProblem"]

Array = Any


class EntriesProblem(Problem):
    """A model that is linear in each block, such as a sum or an entrywise product.

    A subclass says in `approximation` what the model of V is, and in `taken_back` what
    the transpose of its map from a block is. Both parts of the gradient follow, and so
    does the multiplicative update. They are computed for each entry of V, where a half
    problem's kernels go over V once. The model is a sum of ``parts``: each is linear in
    all the blocks that are named for it.
    """

    starts = ("random",)
    has_least_squares = False
    data_block = "activations"
    parts: tuple[tuple[str, ...], ...]

    @classmethod
    def find_scales(cls, scale, wanted, names, moving, **_):
        scales = {}
        for part in cls.parts:
            those = [name for name in moving if name in part]
            scales |= super().find_scales(scale, wanted, part, those)
        return scales

    def product_scale(self, name):
        return self.scale  # as every part was

    def size(self):
        return float(to_numpy(self.approximation()).astype(np.float64).mean())

    def enlarge(self, factor, moving):
        for part in self.parts:
            for name in [name for name in moving if name in part][:1]:
                super().enlarge(factor, [name])

    def approximation(self) -> Array:
        """The model at the current blocks, of V's shape."""
        raise NotImplementedError

    def taken_back(self, name: Any, entries: Array) -> Array:
        """``Mᵀ entries``, as a view of the block, where ``vec(Y) = M block``."""
        raise NotImplementedError

    def terms(self, name):
        Y = self.approximation() + self.divergence.floor
        positive, negative = self.divergence.weights(self.V, Y)
        if self.data_weights is not None:
            positive = self.data_weights * positive
            if negative is not None:
                negative = self.data_weights * negative
            else:
                negative = self.data_weights
        elif negative is None:
            negative = library_of(Y).ones_like(Y)
        parts = (self.taken_back(name, entries) for entries in (positive, negative))
        return *parts, self.as_moving(name, self.blocks[name])

    def plain_mu(self, name):
        self.mu_by_terms(name)

    def data_loss(self):
        Y = self.approximation() + self.divergence.floor
        return self.divergence(self.V, Y, self.data_weights)
