"""Data of which it is known, here and there, which components can have a part in it."""

from __future__ import annotations

import numpy as np

__all__ = ["with_annotations"]


def with_annotations(
    V: np.ndarray, W: np.ndarray, groups: np.ndarray, allowed: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Add rows to data and templates in which some components have no part.

    What is to be minimised, with ``a[g, f, t]`` 0 where group g has no part and else 1,

        D(V | Σ_g a_g ⊙ (W_g H_g)),

    is for held templates a plain NMF of more rows: each pattern of a has rows of V of
    its own, in which templates of the groups without a part are 0, and which count
    where the pattern is, and nowhere else. So all updates, models and divergences know
    of it, and those that never raise the objective never raise this one.

    Parameters
    ----------
    V : ndarray, shape (F, T)
    W : ndarray, shape (F, C)
        Templates, which the fit has to hold.
    groups : ndarray of int, shape (C,)
        The group that each component is of, from 0 on.
    allowed : ndarray of bool, shape (G, F, T)
        Whether a group has a part in an entry of V. Where none has, all have.

    Returns
    -------
    V : ndarray, shape (F + K, T)
        With K further rows, and so for the next two.
    W : ndarray, shape (F + K, C)
        A model of it has the activations that are looked for.
    weights : ndarray of V's dtype, shape (F + K, T)
        The fit's ``data_weights``: 1 or 0.

    References
    ----------
    Lefèvre, Bach and Févotte, "Semi-supervised NMF with time-frequency annotations for
    single-channel source separation", ISMIR 2012.
    """
    patterns = np.tensordot(1 << np.arange(len(allowed)), allowed, 1)
    everyone = (1 << len(allowed)) - 1
    patterns[patterns == 0] = everyone
    parts = [(V, W, patterns == everyone)]
    for pattern in np.setdiff1d(patterns, everyone):
        there = patterns == pattern
        rows = there.any(1)
        has_part = (pattern >> groups) & 1
        parts.append((V[rows], W[rows] * has_part.astype(W.dtype), there[rows]))
    V_all, W_all, weights = map(np.concatenate, zip(*parts, strict=True))
    return V_all, W_all, weights.astype(V.dtype)
