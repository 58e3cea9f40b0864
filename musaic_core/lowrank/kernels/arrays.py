"""The kernels in array operations that NumPy and PyTorch share."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from musaic_core.lowrank.arrays import dtype_name, library_of
from musaic_core.lowrank.divergence import BetaDivergence

__all__ = ["ArrayKernels", "multiply", "wright_omega"]

Array = Any


class ArrayKernels:
    """Kernels on whole arrays, NumPy or PyTorch, with batches as leading axes.

    In every method X is the data (..., M, N), A the held factor (..., M, K), B the
    moving one (..., K, N); views and transposes are welcome. Weights (..., M, N), if
    any, say how much each entry of X counts.
    """

    name = "arrays"

    def terms(
        self,
        X: Array,
        A: Array,
        B: Array,
        divergence: BetaDivergence,
        weights: Array | None = None,
    ) -> tuple[Array, Array]:
        """Both parts of the gradient by B, ``Aᵀ(X Y^(β-2))`` and ``Aᵀ Y^(β-1)``.

        Y is ``A B`` plus the divergence's floor; weights multiply what is in brackets
        and ``Y^(β-1)``. Each is (..., K, N); without weights the second is (..., K, 1)
        for β = 1.
        """
        if divergence.beta == 2 and weights is None:
            return self.product(A, X), (A.mT @ A) @ B
        Y = A @ B
        Y += divergence.floor
        positive, negative = divergence.weights(X, Y)
        if weights is not None:
            positive = weights * positive
            negative = weights if negative is None else weights * negative
        elif negative is None:
            return A.mT @ positive, A.sum(-2)[..., None]
        return A.mT @ positive, A.mT @ negative

    def mu(
        self,
        X: Array,
        A: Array,
        B: Array,
        divergence: BetaDivergence,
        weights: Array | None = None,
    ) -> None:
        """The multiplicative update of B, in place."""
        multiply(B, *self.terms(X, A, B, divergence, weights), divergence.exponent)

    def loss(
        self,
        X: Array,
        A: Array,
        B: Array,
        divergence: BetaDivergence,
        weights: Array | None = None,
    ) -> float:
        """The divergence of X from ``A B``, summed over entries."""
        return divergence(X, A @ B + divergence.floor, weights)

    def product(self, A: Array, X: Array) -> Array:
        """``Aᵀ X``, (..., K, N)."""
        return A.mT @ X

    def hals(self, product: Array, gram: Array, B: Array, sweeps: int) -> None:
        """Coordinate descent on ``½ tr(Bᵀ gram B) - tr(Bᵀ product)``, in place.

        `sweeps` times over the rows of B, (..., K, N), each set to its nonnegative
        minimiser with the others held.
        """
        for _ in range(sweeps):
            for k in range(B.shape[-2]):
                curvature = gram[..., k : k + 1, k : k + 1]
                slope = product[..., k : k + 1, :] - gram[..., k : k + 1, :] @ B
                step = slope / (curvature + (curvature == 0))
                B[..., k : k + 1, :] = (B[..., k : k + 1, :] + step).clip(0)

    def normal_mu(self, product: Array, gram: Array, B: Array) -> None:
        """The multiplicative update for β = 2, ``B *= product / (gram B)``."""
        multiply(B, product, gram @ B, 1)

    def middle_step(self, P: Array, Q: Array, Y: Array, B: Array, rho: float) -> None:
        """Move B, a factor of one layer and the data of the next, for β = 1, in place.

        Each entry goes to the least w of ``Q w - P B log w + ρ D(w | Y)``, which is
        where ``Q - P B / w + ρ log(w / Y) = 0``.

        Parameters
        ----------
        P, Q : array (..., K, N), Q also (..., K, 1)
            Both parts of the gradient of the layer above; see `terms`.
        Y : array (..., K, N)
            What the layer below makes of B.
        B : array (..., K, N)
        rho : float
            Weight ρ of the layer below, above 0.
        """
        library = library_of(B)
        scaled = P * B / rho + 1e-35
        z = library.log(scaled / (Y + 1e-35)) + Q / rho
        silent = Y * library.exp(-Q / rho)  # the limit for P B = 0
        B[...] = library.where(z < -20, silent, scaled / wright_omega(z))


def wright_omega(z: Array) -> Array:
    """ω > 0 with ``ω + log ω = z``, which is the Lambert W of exp(z); z ≥ -60.

    References
    ----------
    Lawrence, Corless and Jeffrey, "Algorithm 917: complex double-precision evaluation
    of the Wright ω function", ACM Transactions on Mathematical Software 38 (3), 2012
    (the third-order step).
    """
    library = library_of(z)
    z = z.clip(-60)
    e = library.exp(z.clip(None, 1.0))
    low = e / (1 + e)
    high = z - library.log(z.clip(1.0))
    w = library.where(z < 1, low, high)
    for _ in range(2 if dtype_name(z) == "float32" else 3):
        r = z - w - library.log(w)
        s = 1 + w
        t = s * (s + 2 * r / 3)
        w = w * (1 + r / s * (2 * t - r) / (2 * t - 2 * r))
    return w


def multiply(B: Array, numerator: Array, denominator: Array, exponent: float) -> None:
    """``B *= (numerator / denominator) ** exponent`` in place; zeros stay zero."""
    smallest, largest = _limits(B.dtype)
    with np.errstate(over="ignore"):
        ratio = numerator / (denominator + smallest)
    # without a bound, what is zero in B and in the denominator would become NaN
    library_of(ratio).clip(ratio, None, largest, out=ratio)
    B *= ratio if exponent == 1 else ratio**exponent


@cache
def _limits(dtype):
    """Smallest number of a dtype that is not subnormal, and root of the largest."""
    info = np.finfo(str(dtype).removeprefix("torch."))
    return float(info.tiny), float(info.max) ** 0.5
