"""Lengths of components, the rows of a matrix, and a penalty that sums them."""

from __future__ import annotations

from typing import Any

from musaic_core.lowrank.arrays import dtype_name, library_of

__all__ = ["Lengths", "length_of", "row_norms"]

Array = Any


class Lengths:
    """Σ_k weights_k ‖b_k‖, of the components' ℓ1 or ℓ2 norms.

    Parameters
    ----------
    weights : array (K, 1)
        Nonnegative; for ℓ1 also of the shape of B.
    norm : {1, 2}
    """

    def __init__(self, weights: Array, norm: int) -> None:
        self.weights, self.norm = weights, norm
        self.is_linear = norm == 1

    def value(self, B: Array) -> float:
        """The weighted sum of lengths.

        Parameters
        ----------
        B : array (K, N)
            One component a row.

        Returns
        -------
        float
        """
        if self.norm == 1:
            return float((self.weights * B).sum())
        return float((self.weights * length_of(B, 2)).sum())

    def parts(self, B: Array) -> tuple[Array, Array]:
        """Both parts of its gradient.

        Parameters
        ----------
        B : array (K, N)
            One component a row.

        Returns
        -------
        plus, minus : array
            That broadcast to B's shape.
        """
        if self.norm == 1:
            return self.weights, 0.0
        return self.weights * B / length_of(B, 2), 0.0


def row_norms(B: Array, norm: int = 2) -> Array:
    """ℓ1 or ℓ2 norm of each row, (..., K, 1), of entries of any size."""
    if norm == 1:
        return B.sum(-1)[..., None]
    largest = library_of(B).amax(B, -1)[..., None]
    scaled = B / (largest + (largest == 0))  # so that no square vanishes or overflows
    return largest * (scaled * scaled).sum(-1)[..., None] ** 0.5


def length_of(B: Array, norm: int) -> Array:
    """The same to divide by: never below 1e-20, or 1e-200 in double precision."""
    return row_norms(B, norm).clip(1e-20 if dtype_name(B) == "float32" else 1e-200)
