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
from musaic_core.lowrank.missing import observed_sparse

__all__ = ["BetaDivergence", "beta_divergence"]

Array = Any


def beta_divergence(
    V: Array, approximation: Array, beta: float = 1.0, weights: Array | None = None
) -> float:
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
    weights : array, optional
        Of the same shape: what each entry's divergence is multiplied with. Where it is
        0, V and the model may be anything. With a sparse V, a sparse matrix, of which
        what is not listed is 0; β may then be any.

    Returns
    -------
    float
        Zero where the two are equal. Infinite where the divergence is: for beta ≤ 1
        if the model is zero and the data is not, for beta ≤ 0 if the data has zeros.

    Raises
    ------
    ValueError
        The shapes differ; or V is sparse and this is not for a sparse V.

    References
    ----------
    Févotte and Idier, "Algorithms for nonnegative matrix factorization with the
    β-divergence", Neural Computation 23 (9), 2011.
    """
    if is_sparse(V):
        return _sparse_divergence(V, approximation, check_beta(beta), weights)
    if hasattr(approximation, "reconstruct"):
        approximation = approximation.reconstruct()
    x, y = (_float64(array) for array in (V, approximation))
    if x.shape != y.shape:
        raise ValueError(
            f"approximation has shape {y.shape} and V has {x.shape}; "
            "give two arrays of one shape"
        )
    beta = check_beta(beta)
    w = None
    if weights is not None:
        w = _float64(weights)
        if w.shape != x.shape:
            raise ValueError(f"weights has shape {w.shape}; give one of V's, {x.shape}")
        w = w.reshape(-1)
    x, y = x.reshape(-1), y.reshape(-1)
    with np.errstate(all="ignore"):
        total = 0.0
        for at in range(0, x.size, 8192):  # what a cache holds
            some = slice(at, at + 8192)
            d = _of_entries(x[some], y[some], beta)
            if w is not None:  # where it is 0, infinite divergences do not count
                d = w[some] * np.where(w[some] > 0, d, 0)
            total += d.sum()
        return float(total)


def _sparse_divergence(V, model, beta, weights):
    # here, as those are made of what this module has
    from musaic_core.lowrank.kernels import kernels_for

    if not hasattr(model, "templates") or (weights is None and beta not in (1, 2)):
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
    X = sparse_columns(V).astype(np.float64)
    if weights is not None:
        X, weights, _ = observed_sparse(X, weights)
    kernels, X = kernels_for(X)
    return kernels.loss(X, W, H, BetaDivergence(beta), weights)


def _of_entries(x: np.ndarray, y: np.ndarray, beta: float) -> np.ndarray:
    """The divergences of entries: no term leaves float64 unless the result does."""
    if beta == 2:
        return (x - y) * ((x - y) / 2)
    ratio, size = x / y, y**beta
    log = np.log(ratio)
    d = size * _bracket(log, beta)
    # near each other, the terms of that cancel; far off, they overflow
    near = np.abs(ratio - 1) < 0.1 / (1 + abs(beta))
    d[near] = _near(x[near], y[near], beta)
    tame = (np.abs(log) < 300 / (1 + abs(beta))) & (size > 1e-150) & (size < 1e150)
    far = ~tame & (x > 0) & (y > 0)
    d[far] = _far(x[far], y[far], beta)
    d[x == 0] = size[x == 0] / beta if beta > 0 else np.inf
    d[y == 0] = x[y == 0] ** beta / (beta * (beta - 1)) if beta > 1 else np.inf
    d[x == y] = 0  # also where both are 0
    return d


def _bracket(log: np.ndarray, beta: float, top: Any = None) -> np.ndarray:
    """``D(x | y) / y^β``, times ``exp(-top)``, of the logarithm of x / y."""
    if beta < 0.5:  # each of the two forms is exact in the limit on its side
        return (_power(1, log, 0, top) - _power(beta, log, 0, top)) / (1 - beta)
    return (_power(beta - 1, log, log, top) - _power(1, log, 0, top)) / beta


def _power(p: float, log: np.ndarray, shift: Any, top: Any) -> np.ndarray:
    """``(exp(p log) - 1) / p``, which is log for p = 0, times ``exp(shift - top)``."""
    scale = np.exp(shift if top is None else shift - top)
    if p == 0:
        return scale * log
    power = scale * np.expm1(p * log)
    if top is not None:
        large = np.exp(shift - top + p * log) - scale
        power = np.where(np.abs(p * log) < 1, power, large)
    return power / p


def _far(x: np.ndarray, y: np.ndarray, beta: float) -> np.ndarray:
    """The divergence with its largest power taken out and put in at the end."""
    log = np.log(x) - np.log(y)
    top = np.maximum(np.maximum(log, beta * log), 0)
    return np.exp(beta * np.log(y) + top + np.log(_bracket(log, beta, top)))


def _near(x: np.ndarray, y: np.ndarray, beta: float) -> np.ndarray:
    """The divergence by the binomial series in ``(x - y) / y``."""
    step = (x - y) / y
    series = coefficient = np.ones_like(step)
    for j in range(1, 15):
        coefficient = coefficient * step * (beta - 1 - j) / (j + 2)
        series = series + coefficient
    half = y ** (beta / 2) * step
    return half * (half * series / 2)


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

    def __call__(self, X: Array, Y: Array, weights: Array | None = None) -> float:
        """The divergence of X from Y, the model's approximation with the floor."""
        if self.beta <= 0:
            X = X.clip(self.floor)
        return beta_divergence(X, Y, self.beta, weights)


def _float64(array: Array) -> np.ndarray:
    return np.asarray(to_numpy(array), dtype=np.float64)
