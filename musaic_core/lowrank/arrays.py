"""Arrays of NumPy and PyTorch alike: conversions, and products of tensors and factors.

Which library an array is of is asked here and nowhere else; PyTorch is imported only
where a tensor is given. Modes are counted from 0 and unfoldings are in C order: the
unfolding of mode n is ``moveaxis(X, n, 0).reshape(I_n, -1)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import prod
from typing import Any

import numpy as np
import scipy.sparse

__all__ = [
    "contiguous",
    "copy_like",
    "dtype_name",
    "floating",
    "in_library_of",
    "is_sparse",
    "is_tensor",
    "khatri_rao",
    "library_of",
    "mode_product",
    "multi_mode_product",
    "permute",
    "scaled_along",
    "sparse_columns",
    "to_numpy",
    "unfold",
]

Array = Any


# ---- which library, which dtype


def is_tensor(array: Array) -> bool:
    """Whether the array is PyTorch's."""
    return hasattr(array, "detach")


def library_of(array: Array) -> Any:
    """NumPy or PyTorch, whose functions take the array."""
    if not is_tensor(array):
        return np
    import torch

    return torch


def dtype_name(array: Array) -> str:
    """The name that both libraries have for the array's dtype, such as "float32"."""
    return str(array.dtype).removeprefix("torch.")


def floating(V: Array, name: str = "V") -> Array:
    """The array as float32 or float64: kept if it is one, else float64."""
    _check_dense(V, name)
    if is_tensor(V):
        return V if dtype_name(V) in ("float32", "float64") else V.double()
    V = np.asarray(V)
    if V.dtype.kind not in "buif":
        raise ValueError(f"{name} has dtype {V.dtype}; give real numbers")
    if V.dtype not in (np.float32, np.float64) or not V.dtype.isnative:
        V = V.astype(np.float32 if V.dtype == np.float16 else np.float64)
    return V


def is_sparse(array: Array) -> bool:
    """Whether the array is SciPy's, of any sparse format."""
    return scipy.sparse.issparse(array)


def sparse_columns(V: Array) -> scipy.sparse.csc_array:
    """A sparse matrix by columns, float32 or float64; its entries are copied if needed.

    An entry that is there twice is the sum of both, as for SciPy.
    """
    if V.dtype.kind not in "buif":
        raise ValueError(f"V has dtype {V.dtype}; give real numbers")
    if V.ndim != 2:
        raise ValueError(f"V is sparse and has {V.ndim} axes; give V.toarray()")
    # an object of its own, as checks and sums may change what they are made of
    own = (scipy.sparse.csc_array if V.format == "csc" else scipy.sparse.csr_array)(V)
    own.check_format()
    if not own.has_canonical_format:
        own = own.copy()
        own.sum_duplicates()
    if own.dtype not in (np.float32, np.float64):
        own = own.astype(np.float32 if own.dtype == np.float16 else np.float64)
    return own.tocsc()


def _check_dense(array, name):
    if is_sparse(array):
        raise ValueError(
            f"{name} is sparse, and only the V of nmf and deep_nmf may be: give "
            f"{name}.toarray()"
        )
    if is_tensor(array) and str(array.layout) != "torch.strided":
        raise ValueError(
            f"{name} is a sparse tensor of PyTorch: give {name}.to_dense(), or for nmf "
            "and deep_nmf a csr_array of SciPy"
        )


def copy_like(array: Array, like: Array) -> Array:
    """A contiguous copy of an array, of the kind, dtype and device of another."""
    if is_tensor(like):
        torch = library_of(like)
        tensor = torch.as_tensor(array).to(like.device, like.dtype)
        return tensor.clone(memory_format=torch.contiguous_format)
    return np.array(to_numpy(array), dtype=like.dtype, order="C")


def to_numpy(array: Array) -> np.ndarray:
    """The array in the host's memory, dense or sparse; not a copy unless it must be."""
    if is_sparse(array):
        return array
    return array.detach().cpu().numpy() if is_tensor(array) else np.asarray(array)


def in_library_of(like: Array, array: Array) -> Array:
    """The array in the library of another; not a copy unless it must be."""
    if is_tensor(array) == is_tensor(like):
        return array
    return library_of(like).from_numpy(array) if is_tensor(like) else to_numpy(array)


def contiguous(array: Array) -> Array:
    """The array in C order; not a copy unless it must be."""
    return array.contiguous() if is_tensor(array) else np.ascontiguousarray(array)


# ---- tensors and factors


def unfold(X: Array, mode: int) -> Array:
    """Matrix (I_mode, product of the other sizes) of a tensor; a view if it can be."""
    order = (mode, *range(mode), *range(mode + 1, X.ndim))
    return permute(X, order).reshape(X.shape[mode], -1)


def khatri_rao(factors: list[Array]) -> Array:
    """Column-wise Kronecker product of factors (I_n, R): (product of I_n, R).

    It is the transpose of an array in C order: long columns are read faster so.
    """
    columns = [copy_like(factor.mT, factor) for factor in factors]
    return reduce(
        lambda left, right: (left[:, :, None] * right[:, None, :]).reshape(
            len(left), -1
        ),
        columns,
    ).mT


def mode_product(X: Array, factor: Array, mode: int) -> Array:
    """``X ×_mode factor``: sum over the axis `mode`, whose size becomes len(factor)."""
    head, tail = X.shape[:mode], X.shape[mode + 1 :]
    if mode == 0:
        result = factor @ X.reshape(len(X), -1)
    elif mode == X.ndim - 1:
        result = X.reshape(-1, X.shape[-1]) @ factor.mT
    else:
        result = factor @ X.reshape(-1, X.shape[mode], prod(tail))
    return result.reshape(*head, len(factor), *tail)


def multi_mode_product(
    X: Array, factors: Sequence[Array | None], first_mode: int = 0
) -> Array:
    """``X ×_first_mode factors[0] ×_{first_mode + 1} factors[1] ...``, None skipped.

    The modes that shrink the tensor most are taken first.
    """
    modes = [n for n, factor in enumerate(factors) if factor is not None]
    for n in sorted(modes, key=lambda n: factors[n].shape[0] / factors[n].shape[1]):
        X = mode_product(X, factors[n], first_mode + n)
    return X


def permute(X: Array, order: Sequence[int]) -> Array:
    """View of a tensor with its axes in that order."""
    return X.permute(*order) if is_tensor(X) else X.transpose(*order)


def scaled_along(X: Array, mode: int, numbers: Array) -> Array:
    """The tensor, its slices along a mode multiplied with those numbers."""
    return X * numbers.reshape([-1 if n == mode else 1 for n in range(X.ndim)])
