"""Products of tensors and factors, on NumPy arrays and PyTorch tensors alike.

Modes are counted from 0 and unfoldings are in C order: the unfolding of mode n is
``moveaxis(X, n, 0).reshape(I_n, -1)``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from math import prod
from typing import Any

import numpy as np

from musaic_core.lowrank.checks import copy_like

__all__ = [
    "khatri_rao",
    "library_of",
    "mode_product",
    "multi_mode_product",
    "permute",
    "unfold",
]

Array = Any
Product = Callable[[Array, Array], Array]


def library_of(array: Array) -> Any:
    """NumPy or PyTorch, whose functions take the array."""
    if not hasattr(array, "detach"):
        return np
    import torch

    return torch


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


def transposed_product(A: Array, X: Array) -> Array:
    """``Aᵀ X`` for matrices or batches of them."""
    return A.mT @ X


def mode_product(
    X: Array, factor: Array, mode: int, product: Product = transposed_product
) -> Array:
    """``X ×_mode factor``: sum over the axis `mode`, whose size becomes len(factor).

    `product` computes ``Aᵀ X`` for batches of matrices; nothing is transposed or
    copied for it.
    """
    head, tail = X.shape[:mode], X.shape[mode + 1 :]
    if mode == 0:
        result = product(factor.mT, X.reshape(len(X), -1))
    elif mode == X.ndim - 1:
        result = product(X.reshape(-1, *X.shape[-2:]).mT, factor.mT)
    else:
        result = product(factor.mT, X.reshape(-1, X.shape[mode], prod(tail)))
    return result.reshape(*head, len(factor), *tail)


def multi_mode_product(
    X: Array,
    factors: Sequence[Array | None],
    first_mode: int = 0,
    product: Product = transposed_product,
) -> Array:
    """``X ×_first_mode factors[0] ×_{first_mode + 1} factors[1] ...``, None skipped.

    The modes that shrink the tensor most are taken first.
    """
    modes = [n for n, factor in enumerate(factors) if factor is not None]
    for n in sorted(modes, key=lambda n: factors[n].shape[0] / factors[n].shape[1]):
        X = mode_product(X, factors[n], first_mode + n, product)
    return X


def permute(X: Array, order: Sequence[int]) -> Array:
    """View of a tensor with its axes in that order."""
    return X.permute(*order) if hasattr(X, "permute") else X.transpose(*order)
