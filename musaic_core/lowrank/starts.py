"""Where a factorization starts: at random, from an SVD, or from the data.

"random" has half-normal entries. "nndsvd" is the nonnegative double SVD with its zeros,
which multiplicative updates could not leave, replaced by little, in proportion to the
factors; "nndsvda" replaces them by V's mean and "nndsvdar" by up to some hundredths of
it, as in scikit-learn. "spa" and "snpa" take the columns of V that the others are
mixtures of. "data" takes means of a few columns drawn.

All work on a matrix (M, N) in NumPy, float64 inside, and draw from one generator,
so that a seed gives the same start on every backend.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from musaic_core.lowrank.arrays import is_sparse, unfold
from musaic_core.lowrank.kernels.arrays import ArrayKernels
from musaic_core.lowrank.separable import snpa, spa

__all__ = [
    "INITIALISATIONS",
    "data_templates",
    "mode_templates",
    "nndsvd",
    "pair_of",
    "random_factor",
    "spread_of",
]

SVD = ("nndsvd", "nndsvda", "nndsvdar")
SEPARABLE = {"spa": spa, "snpa": snpa}
INITIALISATIONS = ("random", *SVD, *SEPARABLE, "data")


def random_factor(
    rng: np.random.Generator, shape: tuple, scale: float, dtype: Any = np.float64
) -> np.ndarray:
    """Half-normal entries with the given scale, none of them zero."""
    factor = np.empty(shape, dtype)
    entries = factor.reshape(-1)
    for begin in range(0, factor.size, 4096):  # so that little is held in float64
        part = entries[begin : begin + 4096]
        part[...] = scale * np.maximum(np.abs(rng.standard_normal(part.shape)), 1e-3)
    return factor


def spread_of(V: np.ndarray, rank: int, n_factors: int) -> float:
    """The scale at which `n_factors` random factors have a product of V's size."""
    mean = float(V.mean(dtype=np.float64))
    return max(mean / rank, float(np.finfo(V.dtype).tiny)) ** (1 / n_factors)


def pair_of(
    X: np.ndarray, rank: int, init: str, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Start factors (M, rank) and (rank, N) by an SVD, or from chosen columns."""
    if init in SVD:
        return nndsvd(X, rank, rng, init)
    W = chosen_templates(X, rank, init, rng)
    product, gram = W.T @ X, W.T @ W
    H = np.maximum(np.linalg.lstsq(gram, product, rcond=None)[0], 0)
    ArrayKernels().hals(product, gram, H, 20)
    fill = 0.01 * H.mean() + float(np.finfo(X.dtype).tiny)
    H[0.01 * fill > H] = fill
    return W, H


def nndsvd(
    X: np.ndarray, rank: int, rng: np.random.Generator, variant: str = "nndsvd"
) -> tuple[np.ndarray, np.ndarray]:
    """Nonnegative double SVD, zeros filled as the variant says.

    Returns
    -------
    (M, rank) and (rank, N) arrays. Columns beyond the rank of X are small and random.

    References
    ----------
    Boutsidis and Gallopoulos, "SVD based initialization: a head start for nonnegative
    matrix factorization", Pattern Recognition 41 (4), 2008. Halko, Martinsson and
    Tropp, SIAM Review 53 (2), 2011 (the randomised SVD).
    """
    U, S, Vt = _truncated_svd(X, min(rank, *X.shape), rng)
    W = np.zeros((X.shape[0], rank))
    H = np.zeros((rank, X.shape[1]))
    for k, (u, s, v) in enumerate(zip(U.T, S, Vt, strict=True)):
        # the sign of a singular pair is free: keep the heavier nonnegative half
        halves = [(np.maximum(z * u, 0), np.maximum(z * v, 0)) for z in (1, -1)]
        norms = [np.linalg.norm(a) * np.linalg.norm(b) for a, b in halves]
        best = int(norms[1] > norms[0])
        a, b = halves[best]
        if norms[best] > 0:
            weight = np.sqrt(s * norms[best])
            W[:, k] = weight * a / np.linalg.norm(a)
            H[k] = weight * b / np.linalg.norm(b)
    # a zero would stay zero under multiplicative updates
    fill = 0.1 * spread_of(X, rank, 2)
    mean = max(X.mean(dtype=np.float64), float(np.finfo(X.dtype).tiny))
    for factor in (W, H):
        zero = factor <= (0.01 * fill if variant == "nndsvd" else 1e-6)
        n_zeros = np.count_nonzero(zero)
        if variant == "nndsvd":
            factor[zero] = fill * rng.uniform(0.5, 1.5, n_zeros)
        elif variant == "nndsvda":
            factor[zero] = mean
        else:
            factor[zero] = mean * np.abs(rng.standard_normal(n_zeros)) / 100
    return W, H


def data_templates(X: np.ndarray, rank: int, rng: np.random.Generator) -> np.ndarray:
    """Templates (M, rank) of mean one entry, each the mean of a few columns drawn.

    References
    ----------
    Langville, Meyer, Albright, Cox and Duling, "Initializations for the nonnegative
    matrix factorization", KDD 2006 ("random Acol").
    """
    heard = np.flatnonzero(X.sum(0))  # which sparse matrices have as well
    if len(heard) == 0:
        return random_factor(rng, (X.shape[0], rank), 1.0)
    few = min(5, max(1, len(heard) // rank))
    drawn = rng.choice(heard, (rank, few), replace=rank * few > len(heard))
    W = np.stack([X[:, columns].mean(1, dtype=np.float64) for columns in drawn], 1)
    W /= W.mean(0)
    return W + 1e-2


def chosen_templates(
    X: np.ndarray, rank: int, init: str, rng: np.random.Generator
) -> np.ndarray:
    """Templates (M, rank) of mean one entry, columns that span the others.

    Where fewer span them all, the rest are drawn as by `data_templates`.
    """
    W = X[:, SEPARABLE[init](X, rank)].astype(np.float64)
    if W.shape[1] < rank:
        few = data_templates(X, rank - W.shape[1], rng)
        W = np.concatenate([W, few], axis=1)
    return W / W.mean(0) + 1e-2


def mode_templates(
    V: np.ndarray, mode: int, rank: int, init: str, rng: np.random.Generator
) -> np.ndarray:
    """A start factor (I_mode, rank) of mean 1, from the unfolding of a mode."""
    X = unfold(V, mode)
    if init == "data":
        return data_templates(X, rank, rng)
    if init in SEPARABLE:
        return chosen_templates(X, rank, init, rng)
    W, _ = nndsvd(X, rank, rng, init)
    return W / W.mean()


def _truncated_svd(X: np.ndarray, rank: int, rng: np.random.Generator) -> tuple:
    few, many = sorted(X.shape)
    if many > 10 * few and few <= 512 and not is_sparse(X):
        return _svd_of_long(X, rank)
    if min(X.shape) <= 2 * rank + 20:
        # a sparse one is here no larger than the factors
        X = np.asarray(X.toarray() if is_sparse(X) else X, np.float64)
        U, S, Vt = np.linalg.svd(X, full_matrices=False)
    else:
        Q = rng.standard_normal((X.shape[1], rank + 10)).astype(X.dtype)
        for _ in range(4):
            Q, _ = np.linalg.qr(X @ Q)
            Q, _ = np.linalg.qr(X.T @ Q)
        U, S, Wt = np.linalg.svd(np.asarray(X @ Q, np.float64), full_matrices=False)
        Vt = Wt @ Q.T
    return U[:, :rank], S[:rank], Vt[:rank]


def _svd_of_long(X: np.ndarray, rank: int) -> tuple:
    """The same by the products of the few rows, or columns, with each other."""
    if X.shape[0] > X.shape[1]:
        U, S, Vt = _svd_of_long(X.T, rank)
        return Vt.T, S, U.T
    gram = np.zeros((len(X), len(X)))
    for begin in range(0, X.shape[1], 4096):  # so that little is held in float64
        part = X[:, begin : begin + 4096].astype(np.float64)
        gram += part @ part.T
    squares, U = np.linalg.eigh(gram)
    U, S = U[:, : -rank - 1 : -1], squares[: -rank - 1 : -1].clip(0) ** 0.5
    return U, S, U.T.astype(X.dtype) @ X / (S + (S == 0))[:, None]
