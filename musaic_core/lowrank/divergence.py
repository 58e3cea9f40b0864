"""The β-divergences: what a factorization minimises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from musaic_core.lowrank.arrays import (
    is_sparse,
    library_of,
    sparse_columns,
    to_numpy,
)
from musaic_core.lowrank.checks import check_beta

__all__ = ["BetaDivergence", "beta_divergence"]

Array = Any


def beta_divergence(V: Array, approximation: Array, beta: float = 1.0) -> float:
    """The β-divergence of data from a model, summed over entries, in float64.

    Parameters
    ----------
    V : array or sparse matrix
        Nonnegative; NumPy or PyTorch, or for β = 1 and 2 a sparse matrix of SciPy.
    approximation : array or Model
        Nonnegative, of V's shape. With a sparse V, a model of it, such as `nmf` gives:
        the cost is then that of the nonzeros.
    beta : float, default=1.0
        2: half the squared Euclidean distance; 1: Kullback-Leibler; 0: Itakura-Saito.

    Returns
    -------
    float
        Zero where the two are equal. Infinite where the divergence is: for beta ≤ 1
        if the model is zero and the data is not, for beta ≤ 0 if the data has zeros.

    References
    ----------
    Févotte and Idier, "Algorithms for nonnegative matrix factorization with the
    β-divergence", Neural Computation 23 (9), 2011.
    """
    if is_sparse(V):
        return _sparse_divergence(V, approximation, check_beta(beta))
    if hasattr(approximation, "reconstruct"):
        approximation = approximation.reconstruct()
    x, y = (_float64(array) for array in (V, approximation))
    if x.shape != y.shape:
        raise ValueError(
            f"approximation has shape {y.shape} and V has {x.shape}; "
            "give two arrays of one shape"
        )
    beta = check_beta(beta)
    with np.errstate(all="ignore"):
        ratio = x / y
        if beta < 0.5:  # each of the two forms is exact in the limit on its side
            d = y**beta * (_power(ratio, beta) - (ratio - 1)) / (beta - 1)
        else:
            cross = np.where(x > 0, ratio * _power(ratio, beta - 1), 0)
            d = y**beta * (cross - (ratio - 1)) / beta
        no_model = x**beta / (beta * (beta - 1)) if beta > 1 else np.inf
    d = np.where(y > 0, d, no_model)
    # equal entries are at distance 0, also where both are 0
    return float(np.sum(np.where(x == y, 0.0, d)))


def _sparse_divergence(V, model, beta):
    # here, as those are made of what this module has
    from musaic_core.lowrank.kernels import kernels_for

    if not hasattr(model, "templates") or beta not in (1, 2):
        raise ValueError(
            "V is sparse, which is for beta 1 and 2 and a model, such as that of nmf: "
            "give V.toarray()"
        )
    W, H = (_float64(factor) for factor in (model.templates, model.activations))
    if (len(W), H.shape[1]) != V.shape:
        raise ValueError(
            f"approximation has shape {(len(W), H.shape[1])} and V has {V.shape}; "
            "give a model of V"
        )
    kernels, X = kernels_for(sparse_columns(V).astype(np.float64))
    return kernels.loss(X, W, H, BetaDivergence(beta))


def _power(ratio: np.ndarray, p: float) -> np.ndarray:
    """``(ratio^p - 1) / p``, which is the logarithm for p = 0."""
    return np.log(ratio) if p == 0 else np.expm1(p * np.log(ratio)) / p


@dataclass(frozen=True)
class BetaDivergence:
    """A β-divergence as the updates need it.

    Parameters
    ----------
    beta : float
        2 Euclidean, 1 Kullback-Leibler, 0 Itakura-Saito, any other real number.
    floor : float, default=0.0
        A constant that is added to the model's approximation, so that no division
        is by zero. It is a component like another, only fixed: the majorizations
        hold as they do without it. Data is not taken below it where ``beta <= 0``.
    """

    beta: float
    floor: float = 0.0

    @classmethod
    def for_data(cls, beta: float, mean: float, dtype: str) -> BetaDivergence:
        """The divergence with the floor that suits data of this mean and dtype.

        The floor is far below what a spectrogram's dynamic range reaches (-280 dB
        of the mean in float32), and high enough for ``V * floor ** (beta - 2)`` not
        to overflow.
        """
        if beta >= 2 or mean == 0:
            return cls(beta, 0.0 if beta >= 2 else 1.0)
        relative, overflow = (1e-14, 1e-31) if dtype == "float32" else (1e-32, 1e-290)
        return cls(beta, max(relative * mean, (overflow * mean) ** (1 / (2 - beta))))

    @property
    def exponent(self) -> float:
        """The power of the multiplicative step that never raises the divergence."""
        if self.beta < 1:
            return 1 / (2 - self.beta)
        return 1.0 if self.beta <= 2 else 1 / (self.beta - 1)

    def weights(self, X: Array, Y: Array) -> tuple[Array, Array | None]:
        """The two parts of minus the gradient: ``X Y^(β-2)`` and ``Y^(β-1)``.

        The second is None for β = 1, where it is one everywhere. Y is overwritten: on
        large arrays it is memory that takes the time.
        """
        if self.beta == 1:
            return library_of(Y).divide(X, Y, out=Y), None
        if self.beta == 2:
            return X, Y
        if self.beta <= 0:
            X = X.clip(self.floor)
        power = 1 / (Y * Y) if self.beta == 0 else Y ** (self.beta - 2)
        Y *= power
        power *= X
        return power, Y

    def __call__(self, X: Array, Y: Array) -> float:
        """The divergence of X from Y, the model's approximation with the floor."""
        if self.beta <= 0:
            X = X.clip(self.floor)
        return beta_divergence(X, Y, self.beta)


def _float64(array: Array) -> np.ndarray:
    return np.asarray(to_numpy(array), dtype=np.float64)
