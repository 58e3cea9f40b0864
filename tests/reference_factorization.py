"""The updates in float64 NumPy, written to be read beside the papers."""

import numpy as np


def model(W, H, floor):
    """The approximation Y = W H, and the floor."""
    return W @ H + floor


def gradient_parts(V, W, H, beta, floor=0.0, weights=1.0):
    """Wᵀ(V Y^(β-2)) and Wᵀ Y^(β-1), entries weighted (Févotte and Idier 2011)."""
    V = np.maximum(V, floor) if beta <= 0 else V
    Y = model(W, H, floor)
    return W.T @ (weights * V * Y ** (beta - 2)), W.T @ (weights * Y ** (beta - 1))


def mu_step(V, W, H, beta, floor=0.0, weights=1.0):
    """H after its multiplicative update."""
    if beta < 1:
        exponent = 1 / (2 - beta)
    elif beta <= 2:
        exponent = 1
    else:
        exponent = 1 / (beta - 1)
    positive, negative = gradient_parts(V, W, H, beta, floor, weights)
    ratio = np.divide(positive, negative, where=negative > 0, out=np.zeros_like(H))
    return H * ratio**exponent


def hals_sweep(V, W, H):
    """H after each row went to its nonnegative minimiser (Gillis and Glineur 2012)."""
    H = H.copy()
    for k in range(len(H)):
        if W[:, k] @ W[:, k] > 0:
            residual = V - W @ H + np.outer(W[:, k], H[k])
            H[k] = np.maximum(W[:, k] @ residual / (W[:, k] @ W[:, k]), 0)
    return H


def divergence(V, Y, beta, weights=1.0):
    """The β-divergence, for V and Y without zeros where beta <= 1."""
    if beta == 1:
        return np.sum(weights * (V * np.log(V / Y) - V + Y))
    if beta == 0:
        return np.sum(weights * (V / Y - np.log(V / Y) - 1))
    return np.sum(
        weights
        * (V**beta + (beta - 1) * Y**beta - beta * V * Y ** (beta - 1))
        / (beta * (beta - 1))
    )


def unfold(V, mode):
    """The mode's fibres as the columns of a matrix."""
    return np.moveaxis(V, mode, 0).reshape(V.shape[mode], -1)


def cp(factors):
    """The tensor of CP factors."""
    a, b, c = factors
    return np.einsum("ir,jr,kr->ijk", a, b, c)


def tucker(core, factors):
    """The tensor of a core and Tucker factors."""
    a, b, c = factors
    return np.einsum("xyz,ix,jy,kz->ijk", core, a, b, c)


def cp_mu_step(V, factors, mode, beta, weights=None):
    """One factor of a third-order CP model after its multiplicative update."""
    a, b = (factor for n, factor in enumerate(factors) if n != mode)
    held = np.einsum("ir,jr->ijr", a, b).reshape(-1, a.shape[1])
    weights = np.ones_like(V) if weights is None else weights
    X, w = (unfold(array, mode) for array in (V, weights))
    return mu_step(X.T, held, factors[mode].T, beta, weights=w.T).T


def tucker_mu_step(V, core, factors, block, beta, weights=None):
    """The core, or a factor of a third-order Tucker model, after its update."""
    weights = np.ones_like(V) if weights is None else weights
    if block == "core":
        held = np.einsum("ix,jy,kz->ijkxyz", *factors).reshape(V.size, core.size)
        X, w = V.reshape(-1, 1), weights.reshape(-1, 1)
        moved = mu_step(X, held, core.reshape(-1, 1), beta, weights=w)
        return moved.reshape(core.shape)
    identity = [
        factor if n != block else np.eye(core.shape[n])
        for n, factor in enumerate(factors)
    ]
    held = np.moveaxis(tucker(core, identity), block, 0)
    held = held.reshape(core.shape[block], -1)
    X, w = (unfold(array, block) for array in (V, weights))
    return mu_step(X.T, held.T, factors[block].T, beta, weights=w.T).T


def convolution(patches, H):
    """Σ_l W_l H delayed by l frames."""
    F, _, L = patches.shape
    Y = np.zeros((F, H.shape[1]))
    for delay in range(L):
        Y[:, delay:] += patches[:, :, delay] @ H[:, : H.shape[1] - delay]
    return Y


def linear_mu_step(V, model_of, block, beta, weights=None):
    """A block after its multiplicative update, where the model is affine in it.

    The matrix that makes the model of the block is built entry by entry.
    """
    units = np.eye(block.size).reshape(block.size, *block.shape)
    rest = model_of(0 * block).ravel()
    A = np.stack([model_of(unit).ravel() - rest for unit in units] + [rest], 1)
    weights = np.ones_like(V) if weights is None else weights
    X, w = V.reshape(-1, 1), weights.reshape(-1, 1)
    b = np.append(block, 1)[:, None]  # what does not depend on it counts once
    return mu_step(X, A, b, beta, weights=w)[:-1].reshape(block.shape)


def shift_invariance(shifts, patches, impulses):
    """Σ_s W_s H_s, where W_s is W moved by s rows, or by a matrix."""
    Y = 0
    for i, shift in enumerate(shifts):
        P = np.eye(len(patches), k=-shift) if np.ndim(shift) == 0 else shift
        moved = np.einsum("fg,gcl->fcl", P, patches)
        Y = Y + convolution(moved, impulses[:, i])
    return Y
