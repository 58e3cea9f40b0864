"""The kernels for data that is a sparse matrix, at a cost of its nonzeros.

For β = 1 the model is needed where the data is not zero, and beyond that only its sum;
for β = 2 the products ``AᵀX`` and ``AᵀA``, and the sum of its squares.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csc_array

from musaic_core.lowrank.arrays import is_sparse
from musaic_core.lowrank.divergence import BetaDivergence, beta_divergence
from musaic_core.lowrank.kernels.arrays import ArrayKernels, multiply

__all__ = ["SparseArrayKernels", "SparseKernels"]

Array = Any


class SparseKernels:
    """What to do where X is a csc_array; comes before the kernels for dense arrays.

    Weights are a csc_array of the same entries in the same order, and what these do not
    list counts nothing: then any β costs as much.
    """

    def terms(self, X, A, B, divergence: BetaDivergence, weights: Array | None = None):
        if not is_sparse(X):
            return super().terms(X, A, B, divergence, weights)
        if weights is not None:
            Y = self.samples(X, A, B, divergence.floor)
            positive, negative = divergence.weights(X.data, Y)
            parts = positive, 1 if negative is None else negative
            return tuple(self.product(A, _like(X, weights.data * p)) for p in parts)
        if divergence.beta == 2:
            return self.product(A, X), self.product(A, A) @ B
        return self.ratios(X, A, B, divergence.floor), A.sum(-2)[..., None]

    def mu(
        self, X, A, B, divergence: BetaDivergence, weights: Array | None = None
    ) -> None:
        if not is_sparse(X):
            super().mu(X, A, B, divergence, weights)
        else:
            multiply(B, *self.terms(X, A, B, divergence, weights), divergence.exponent)

    def loss(
        self, X, A, B, divergence: BetaDivergence, weights: Array | None = None
    ) -> float:
        if not is_sparse(X):
            return super().loss(X, A, B, divergence, weights)
        beta, Y = divergence.beta, self.samples(X, A, B, divergence.floor)
        if weights is not None:
            return divergence(X.data, Y, weights.data)
        # where X is zero the divergence is Y^β / β: what all entries have less these
        A, B = A.astype(np.float64), B.astype(np.float64)
        if beta == 2:
            everywhere = float(np.vdot(A.T @ A, B @ B.T))
        else:
            everywhere = float(A.sum(0) @ B.sum(1)) + divergence.floor * np.prod(
                X.shape
            )
        elsewhere = everywhere - float((Y.astype(np.float64) ** beta).sum())
        return beta_divergence(X.data, Y, beta) + max(elsewhere, 0.0) / beta

    def product(self, A: Array, X: Array) -> Array:
        return (X.T @ A).T if is_sparse(X) else super().product(A, X)

    def samples(self, X: csc_array, A: Array, B: Array, floor: float) -> np.ndarray:
        """``A B`` plus the floor at the entries of X, in their order."""
        columns = np.repeat(np.arange(X.shape[1]), np.diff(X.indptr))
        A, B = np.ascontiguousarray(A), np.ascontiguousarray(B.T)
        Y = np.empty_like(X.data)
        size = max(1, 2**16 // A.shape[1])  # so that little is copied at a time
        for begin in range(0, len(Y), size):
            part = slice(begin, begin + size)
            Y[part] = np.einsum("ik,ik->i", A[X.indices[part]], B[columns[part]])
        Y += floor
        return Y

    def ratios(self, X: csc_array, A: Array, B: Array, floor: float) -> np.ndarray:
        """``Aᵀ(X / Y)``, (K, N), Y being ``A B`` plus the floor."""
        return self.product(A, _like(X, X.data / self.samples(X, A, B, floor)))


def _like(X, data):
    return csc_array((data, X.indices, X.indptr), X.shape)


class SparseArrayKernels(SparseKernels, ArrayKernels):
    """In NumPy and SciPy, in blocks of the nonzeros."""
