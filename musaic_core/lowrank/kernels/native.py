"""The kernels in C, for arrays in the host's memory."""

from __future__ import annotations

from itertools import repeat

import numpy as np
import threadpoolctl

from musaic_core.lowrank.arrays import is_sparse
from musaic_core.lowrank.divergence import BetaDivergence
from musaic_core.lowrank.kernels import _native
from musaic_core.lowrank.kernels.arrays import ArrayKernels
from musaic_core.lowrank.kernels.sparse import SparseKernels

__all__ = ["NativeKernels", "SparseNativeKernels"]


class _Threads(threadpoolctl.LibController):
    """Puts the kernels' threads under threadpoolctl, with the OpenMP libraries."""

    user_api = "openmp"
    internal_api = "musaic_core"
    filename_prefixes = ("_native.",)
    check_symbols = ("musaic_core_get_num_threads", "musaic_core_set_num_threads")

    def get_num_threads(self):
        return self.dynlib.musaic_core_get_num_threads()

    def set_num_threads(self, num_threads):
        self.dynlib.musaic_core_set_num_threads(num_threads)

    def get_version(self):
        return None


threadpoolctl.register(_Threads)


class NativeKernels(ArrayKernels):
    """Fused kernels: one pass over X, and nothing of its size beside it.

    The numbers do not depend on the number of threads.
    """

    name = "c"

    def terms(self, X, A, B, divergence: BetaDivergence, weights=None):
        positive = np.empty(B.shape, B.dtype)
        if divergence.beta == 1 and weights is None:
            negative = A.sum(-2, keepdims=True).mT
            outputs = [(part, None) for part in _matrices(positive)]
        else:
            negative = np.empty(B.shape, B.dtype)
            outputs = zip(_matrices(positive), _matrices(negative), strict=True)
        for inputs, output in zip(_batch(X, A, B, weights), outputs, strict=True):
            _half("terms", *inputs, divergence, *output)
        return positive, negative

    def mu(self, X, A, B, divergence: BetaDivergence, weights=None) -> None:
        for inputs in _batch(X, A, B, weights):
            _half("step", *inputs, divergence)

    def loss(self, X, A, B, divergence: BetaDivergence, weights=None) -> float:
        return sum(
            _half("loss", *inputs, divergence) for inputs in _batch(X, A, B, weights)
        )

    def product(self, A, X):
        if A.ndim > 3 or X.ndim > 3:
            batch = np.broadcast_shapes(A.shape[:-2], X.shape[:-2])
            A, X = (
                np.broadcast_to(a, (*batch, *a.shape[-2:])).reshape(-1, *a.shape[-2:])
                for a in (A, X)
            )
            return self.product(A, X).reshape(*batch, A.shape[-1], X.shape[-1])
        batch = (A if A.ndim == 3 else X).shape[:-2]
        result = np.empty((*batch, A.shape[-1], X.shape[-1]), X.dtype)
        out = result
        if A.shape[-1] > X.shape[-1]:
            # the kernels copy the first and stream the second: that is the wider one
            A, X, out = X, A, result.mT
        if batch:
            _native.products(A, X, out)
        else:
            _native.half("cross", X, A, None, out, None, 2.0, 0.0, 1.0)
        return result

    def hals(self, product, gram, B, sweeps: int) -> None:
        for p, g, b in _batch(product, np.ascontiguousarray(gram), B):
            _native.descend(g, p, b, sweeps)

    def normal_mu(self, product, gram, B) -> None:
        self.hals(product, gram, B, 0)

    def middle_step(self, P, Q, Y, B, rho: float) -> None:
        for matrices in _batch(P, np.broadcast_to(Q, P.shape), Y, B):
            _native.middle(*matrices, rho)


def _half(task, x, a, b, weights, d: BetaDivergence, positive=None, negative=None):
    numbers = d.beta, d.floor, d.exponent
    return _native.half(task, x, a, b, positive, negative, *numbers, weights)


def _matrices(array):
    """The matrices of a batch, as views."""
    if array.ndim == 2:
        return [array]
    return [array[index] for index in np.ndindex(array.shape[:-2])]


def _batch(*arrays):
    """The arrays' matrices, one of each at a time; None stays None."""
    matrices = [repeat(None) if array is None else _matrices(array) for array in arrays]
    return zip(*matrices, strict=False)


class SparseNativeKernels(SparseKernels, NativeKernels):
    """One pass over the nonzeros, and nothing of their size beside them."""

    def samples(self, X, A, B, floor):
        Y = np.empty((1, X.nnz), X.dtype)
        _native.sparse(0, X.indptr, X.indices, X.data, A, B, Y, floor)
        return Y[0]

    def ratios(self, X, A, B, floor):
        out = np.empty_like(B)
        _native.sparse(1, X.indptr, X.indices, X.data, A, B, out, floor)
        return out

    def product(self, A, X):
        if not is_sparse(X):
            return super().product(A, X)
        out = np.empty((A.shape[1], X.shape[1]), X.dtype)
        _native.sparse(2, X.indptr, X.indices, X.data, A, None, out, 0.0)
        return out
