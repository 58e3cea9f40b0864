"""Which stems the components of a model are of, by what a user says of bins."""

from typing import Any

import numpy as np

from musaic_core.tasks.components import as_arrays

TRUST = 0.3  # what shares that were found before weigh, beside all of a component
STEPS = 30


def shares_told(shares: np.ndarray, model: Any, allowed: np.ndarray) -> np.ndarray:
    """Share out components among stems so that they lie where these may sound.

    A component that has no name is of stem k with probability s_k. Where a user says
    which stems may sound, a_k(b) is 1 or 0, what it has in a bin b was as probable as
    Σ_k a_k(b) s_k. What is maximised is the mean log-probability of all that it has,
    with the shares that were found without the user as a Dirichlet prior: the mixture
    proportions of expectation maximisation, whose every step raises it.

    Parameters
    ----------
    shares : ndarray, shape (C, S)
        Of each component, of each stem; rows sum to 1.
    model : Model
        With C components.
    allowed : ndarray of bool, shape (S, F, T)
        Where each stem may sound.

    Returns
    -------
    ndarray, shape (C, S)
        As they were, of components that have nothing where something is said.

    References
    ----------
    Dempster, Laird and Rubin, "Maximum likelihood from incomplete data via the EM
    algorithm", Journal of the Royal Statistical Society B 39 (1), 1977.
    """
    W, H = as_arrays(model)
    H = H.reshape(len(H), allowed.shape[2], -1).sum(2)
    stems = np.arange(len(allowed))
    codes = np.tensordot(1 << stems, allowed, 1)  # which stems may sound, as bits
    known = np.setdiff1d(codes, (1 << stems).sum())  # where something is said
    # what each component has where each set of stems may sound
    heard = np.zeros((len(H), len(known)))
    for column, code in zip(heard.T, known, strict=True):
        there = codes == code
        frames = there.any(0)
        part = there[:, frames].astype(W.dtype) @ H[:, frames].T
        column[:] = np.einsum("fc,fc->c", W, part)
    heard /= (W.sum(0) * H.sum(1))[:, None] + 1e-12
    prior, a = TRUST * shares, (known[:, None] >> stems & 1).astype(float)
    for _ in range(STEPS):
        each = shares[:, None] * a  # components, sets, stems
        each /= each.sum(2, keepdims=True) + 1e-12
        shares = np.einsum("cp,cps->cs", heard, each) + prior
        shares = shares / (shares.sum(1, keepdims=True) + 1e-12)
    return shares
