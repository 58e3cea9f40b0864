"""How far factors are from where no step would lower the objective."""

from __future__ import annotations

from typing import Any

from musaic_core.lowrank.arrays import library_of

__all__ = ["kkt_residual"]

Array = Any


def kkt_residual(B: Array, minus: Array, plus: Array, mask: Array | None = None):
    """How much a factor violates the conditions of a minimum, from 0 to about 1.

    At a minimum over B ≥ 0 the gradient ``G = plus - minus`` is nowhere negative, and
    zero where B is not (Karush, Kuhn and Tucker). What is left of that,

        Σ B max(G, 0) + max(B, b) max(-G, 0),

    b being the mean of the component (the row of B), is divided by
    ``Σ B (plus + minus)``. So neither the data's scale nor a component's counts, and a
    zero that should grow does.

    Parameters
    ----------
    B : array (..., K, N)
        The factor, one component a row.
    minus, plus : array (..., K, N), or what broadcasts to it
        The nonnegative parts of the gradient, ``plus - minus``.
    mask : array (..., K, N), optional
        1 where an entry may move, and 0 where it is held at zero.

    Returns
    -------
    float
        0 where the conditions hold.

    References
    ----------
    Gonzalez and Zhang, "Accelerating the Lee-Seung algorithm for nonnegative matrix
    factorization", Rice University TR-05-02, 2005. Lin, "Projected gradient methods for
    nonnegative matrix factorization", Neural Computation 19 (10), 2007.

    Examples
    --------
    >>> import numpy as np
    >>> float(kkt_residual(np.array([[1.0, 0.0]]), np.ones((1, 2)), np.ones((1, 2))))
    0.0
    """
    slope = plus - minus
    means = B.mean(-1)[..., None]
    means = means + B.mean() * (means == 0)
    left = B * slope.clip(0) + library_of(B).maximum(B, 0 * B + means) * (-slope).clip(
        0
    )
    if mask is not None:
        left = left * mask
    total = float((B * (plus + minus)).sum())
    return float(left.sum()) / total if total > 0 else 0.0
