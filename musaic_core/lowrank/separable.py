"""Columns of the data that all others are mixtures of: SPA and SNPA.

Where data is separable, ``V = V[:, J] H``, each component sounds alone in some column,
and these find which: at once, and so without a local minimum to end in.
"""

from __future__ import annotations

import numpy as np

from musaic_core.lowrank.arrays import to_numpy
from musaic_core.lowrank.checks import check_count, check_nonnegative

__all__ = ["snpa", "spa"]

QUIET = 1e-3  # columns below that share of the loudest are noise when scaled up


def spa(V: np.ndarray, rank: int) -> np.ndarray:
    """Successive projection algorithm: choose columns that span the others.

    Columns are brought to sum 1. The one of largest norm is chosen, and all others are
    projected on what is orthogonal to it; and so on. Those with less than a thousandth
    of the largest sum are not chosen. It costs 4 F T `rank` operations.

    Parameters
    ----------
    V : array (F, T)
        Nonnegative.
    rank : int
        Columns to choose.

    Returns
    -------
    ndarray of int, shape (at most rank,)
        The columns, the first chosen first; fewer where they span all others.

    Raises
    ------
    ValueError
        V is no nonnegative matrix, or the rank no positive number.

    References
    ----------
    Araújo, Saldanha, Galvão, Yoneyama, Chame and Visani, "The successive projections
    algorithm for variable selection in spectroscopic multicomponent analysis",
    Chemometrics and Intelligent Laboratory Systems 57 (2), 2001. Gillis and Vavasis,
    "Fast and robust recursive algorithms for separable nonnegative matrix
    factorization", IEEE Transactions on Pattern Analysis and Machine Intelligence 36
    (4), 2014.

    Examples
    --------
    >>> import numpy as np
    >>> W = np.random.default_rng(0).random((9, 3))
    >>> spa(W @ np.array([[1, 0, 0.5, 0], [0, 1, 0.5, 0], [0, 0, 0, 1]]), 3).tolist()
    [3, 0, 1]
    """

    def project(X, residual, chosen):
        direction = residual[:, chosen[-1]]
        direction = direction / np.linalg.norm(direction)
        return residual - np.outer(direction, direction @ residual)

    return _chosen(V, rank, project)


def snpa(V: np.ndarray, rank: int) -> np.ndarray:
    """Successive nonnegative projection algorithm: SPA that keeps mixtures nonnegative.

    Instead of on an orthogonal space, columns are projected on the convex hull of those
    chosen and of zero. So it bears more noise than SPA, and chooses more columns than V
    has rows if it is asked to. It costs some hundred times as much.

    Parameters
    ----------
    V : array (F, T)
        Nonnegative.
    rank : int
        Columns to choose.

    Returns
    -------
    ndarray of int, shape (at most rank,)
        The columns, the first chosen first; fewer where they span all others.

    Raises
    ------
    ValueError
        V is no nonnegative matrix, or the rank no positive number.

    References
    ----------
    Gillis, "Successive nonnegative projection algorithm for robust nonnegative blind
    source separation", SIAM Journal on Imaging Sciences 7 (2), 2014.
    """
    mixtures = np.zeros((0, np.shape(V)[-1]))

    def project(X, residual, chosen):
        nonlocal mixtures
        A = X[:, chosen]
        mixtures = np.concatenate([mixtures, np.zeros((1, X.shape[1]))])
        mixtures = _in_simplex(A.T @ X, A.T @ A, mixtures)
        return X - A @ mixtures

    return _chosen(V, rank, project)


def _chosen(V, rank, project):
    """The columns that are farthest from what `project` takes off, one by one."""
    V = np.asarray(to_numpy(V), np.float64)
    if V.ndim != 2:
        raise ValueError(f"V has {V.ndim} axes; give a matrix (F, T)")
    check_nonnegative(V, "V")
    sums = V.sum(0)
    X = V / (sums + (sums == 0))
    quiet = sums <= QUIET * sums.max()
    residual, chosen, first = X, [], None
    for _ in range(check_count(rank, "rank")):
        distances = np.where(quiet, 0, (residual * residual).sum(0))
        farthest = int(distances.argmax())
        first = first or distances[farthest]
        if distances[farthest] <= 1e-12 * first or farthest in chosen:
            break
        chosen.append(farthest)
        residual = project(X, residual, chosen)
    return np.array(chosen, dtype=int)


def _in_simplex(product, gram, H, n_iter=100):
    """Least squares over columns of H (K, T) with h ≥ 0 and Σ h ≤ 1, from H on.

    References
    ----------
    Beck and Teboulle, "A fast iterative shrinkage-thresholding algorithm for linear
    inverse problems", SIAM Journal on Imaging Sciences 2 (1), 2009.
    """
    steepest = np.linalg.norm(gram, 2)
    ahead, momentum = H, 1.0
    for _ in range(n_iter):
        new = _projected(ahead - (gram @ ahead - product) / steepest)
        growing = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = new + (momentum - 1) / growing * (new - H)
        moved, H, momentum = np.abs(new - H).max(), new, growing
        if moved < 1e-6:
            break
    return H


def _projected(H):
    """The nearest columns with h ≥ 0 and Σ h ≤ 1."""
    H = np.maximum(H, 0)
    over = H.sum(0) > 1
    if over.any():
        ordered = -np.sort(-H[:, over], axis=0)
        # what is taken off the largest entries so that they sum to 1
        counts = np.arange(1, len(H) + 1)[:, None]
        excess = (np.cumsum(ordered, 0) - 1) / counts
        last = (ordered > excess).sum(0) - 1
        H[:, over] = np.maximum(H[:, over] - excess[last, np.arange(len(last))], 0)
    return H
