"""Checks of arguments: each error names the argument and says what to do."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np

from musaic_core.lowrank.arrays import copy_like, dtype_name, floating, is_tensor

__all__ = [
    "check_beta",
    "check_choice",
    "check_count",
    "check_factor",
    "check_limits",
    "check_mask",
    "check_names",
    "check_nonnegative",
    "mean_of",
    "near_one",
    "scaling",
]

Array = Any


def check_nonnegative(array: Array, name: str) -> float:
    """The array's mean; a ValueError if an entry is negative, NaN or infinite."""
    if 0 in array.shape:
        raise ValueError(f"{name} is empty, of shape {tuple(array.shape)}")
    low, high = float(array.min()), float(array.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(
            f"{name} has NaN or infinite entries; replace them, by zero for instance"
        )
    if low < 0:
        raise ValueError(
            f"{name} has negative entries (least: {low:g}); "
            "take the magnitude or the power first"
        )
    return mean_of(array)


def mean_of(array: Array) -> float:
    """The mean of nonnegative entries, of any size."""
    high = float(array.max())
    # in two steps, so that the sum of very large entries does not overflow
    return float((array / high).mean()) * high if high > 1e30 else float(array.mean())


def check_factor(factor: Array, shape: tuple[int, ...], name: str, like: Array):
    """A copy of a start factor in the data's dtype, after its shape and signs."""
    factor = floating(factor, name)
    if tuple(factor.shape) != tuple(shape):
        raise ValueError(
            f"{name} has shape {tuple(factor.shape)}; the data and the rank make it "
            f"{tuple(shape)}"
        )
    check_nonnegative(factor, name)
    return copy_like(factor, like)


def check_mask(mask: Array, factor: Array, name: Any) -> Array:
    """A factor's mask in the factor's dtype, 1 where it may move, after its shape."""
    if tuple(np.shape(mask)) != tuple(factor.shape):
        raise ValueError(
            f"mask[{name!r}] has shape {tuple(np.shape(mask))}; "
            f"the factor's is {tuple(factor.shape)}"
        )
    mask = mask if is_tensor(mask) else np.asarray(mask)
    return copy_like(mask != 0, factor)


def check_beta(beta: float) -> float:
    """β as a float; a ValueError if it is not a finite real number."""
    if isinstance(beta, bool) or not isinstance(beta, Real) or not math.isfinite(beta):
        raise ValueError(
            f"beta is {beta!r}; give a real number: 2 for the Euclidean distance, "
            "1 for Kullback-Leibler, 0 for Itakura-Saito"
        )
    return float(beta)


def check_count(value: Any, name: str, least: int = 1) -> int:
    """A whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name} is {value!r}; give a whole number, {least} or more")
    return int(value)


def check_limits(given: Mapping[str, Any]) -> None:
    """A ValueError if an option that bounds the iterations or factors is no number."""
    check_count(given["max_iter"], "max_iter", 0)
    check_count(given["n_starts"], "n_starts")
    for name in ("tol", "tol_kkt", "epsilon", "max_time"):
        value = given[name]
        if name == "max_time" and value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, Real) or not value >= 0:
            raise ValueError(f"{name} is {value!r}; give a number, 0 or more")


def check_choice(value: Any, name: str, choices: Iterable[str]) -> None:
    """A ValueError that lists the choices if the value is none of them."""
    choices = list(choices)
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; choose one of {', '.join(choices)}")


def check_names(given: Any, name: str, blocks: Iterable) -> None:
    """A ValueError if a name in `fixed` or `mask` is not one of the model's blocks."""
    blocks = list(blocks)
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ValueError(f"{name} is {given!r}; give a collection out of {blocks}")
    unknown = [block for block in given if block not in blocks]
    if unknown:
        raise ValueError(f"{name} names {unknown}; the factors are {blocks}")


def scaling(mean: float, dtype: str, near: bool = False) -> float:
    """A power of two that brings data to a mean near 1 where it is extreme, else 1.

    Powers of the data up to the third must neither overflow nor vanish. With `near`,
    what is above 1000 or below 1 / 1000 is extreme: penalties and layers add small
    constants, which must not count.
    """
    is_single = dtype == "float32"
    exponent = 10 if near else 20 if is_single else 200
    power = 0 if mean == 0 else math.floor(math.log2(mean))
    # a power that the dtype has, and its inverse too
    most = 120 if is_single else 1000
    return 1.0 if abs(power) <= exponent else 2.0 ** max(-most, min(-power, most))


def near_one(array: Array) -> tuple[Array, float]:
    """The array at a mean near 1 if that was extreme, and the power of two for it."""
    scale = scaling(mean_of(array), dtype_name(array), near=True)
    return (array if scale == 1 else array * scale), scale
