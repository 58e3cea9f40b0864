"""The products that every update is made of, on NumPy, C and PyTorch.

A kernel set works on the half problem ``X ≈ A B`` with A held, (M, K), and B to
move, (K, N). NMF's two updates are that problem on V and on its transpose, the
tensor models' factor updates are it on an unfolding.
"""

from __future__ import annotations

import warnings

import numpy as np

from musaic_core.lowrank.arrays import is_sparse, is_tensor, to_numpy
from musaic_core.lowrank.kernels.arrays import ArrayKernels
from musaic_core.lowrank.kernels.sparse import SparseArrayKernels

try:
    from musaic_core.lowrank.kernels.native import NativeKernels, SparseNativeKernels
except ImportError:
    NativeKernels = None

__all__ = ["BACKENDS", "kernels_for"]

BACKENDS = ("c", "numpy", "torch")

_told = False


def kernels_for(V, backend: str | None = None):
    """The kernel set for the data, and the data as that set takes it.

    Parameters
    ----------
    V : array
        NumPy array, PyTorch tensor or csc_array.
    backend : {None, "c", "numpy", "torch"}
        None picks the fastest: C for data in the host's memory (NumPy where the
        extension was not built), PyTorch for data on an accelerator.
    """
    if backend is not None and backend not in BACKENDS:
        raise ValueError(
            f"backend is {backend!r}; choose one of {', '.join(BACKENDS)}, or None"
        )
    if is_sparse(V) and backend == "torch":
        raise ValueError(
            "backend is 'torch' and V is sparse; give backend=None, or V.toarray()"
        )
    if is_tensor(V) and V.device.type != "cpu":
        if backend not in (None, "torch"):
            raise ValueError(
                f"backend is {backend!r} and V on {V.device}; give backend=None, or "
                "bring V to the host with V.cpu()"
            )
        return ArrayKernels(), V.detach()
    if backend == "torch" and is_tensor(V):
        return ArrayKernels(), V.detach()
    if backend == "torch":
        import torch

        return ArrayKernels(), torch.from_numpy(V.copy())
    V = to_numpy(V)
    if backend == "numpy" or NativeKernels is None:
        if backend != "numpy":
            _tell_once(backend)
        return SparseArrayKernels() if is_sparse(V) else ArrayKernels(), V
    if is_sparse(V):
        return SparseNativeKernels(), V
    # matrices that are contiguous along one axis are read as they are
    if V.itemsize not in V.strides[-2:] or min(V.strides) < 0:
        V = np.ascontiguousarray(V)
    return NativeKernels(), V


def _tell_once(backend: str | None) -> None:
    global _told
    message = (
        "the C kernels were not built (no compiler at installation?): "
        "factorizations run in NumPy, several times slower"
    )
    if backend == "c":
        raise ValueError(f"backend is 'c' and {message}; reinstall, or give None")
    if not _told:
        _told = True
        warnings.warn(message, RuntimeWarning, stacklevel=4)
