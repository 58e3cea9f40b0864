"""The updates in float64 NumPy, written to be read beside the papers."""

import numpy as np


def model(W, H, floor):
    """The approximation Y = W H, and the floor."""
    return W @ H + floor


def gradient_parts(V, W, H, beta, floor=0.0):
    """Wᵀ(V Y^(β-2)) and Wᵀ Y^(β-1) (Févotte and Idier 2011)."""
    V = np.maximum(V, floor) if beta <= 0 else V
    Y = model(W, H, floor)
    return W.T @ (V * Y ** (beta - 2)), W.T @ Y ** (beta - 1)


def mu_step(V, W, H, beta, floor=0.0):
    """H after its multiplicative update."""
    if beta < 1:
        exponent = 1 / (2 - beta)
    elif beta <= 2:
        exponent = 1
    else:
        exponent = 1 / (beta - 1)
    positive, negative = gradient_parts(V, W, H, beta, floor)
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


def divergence(V, Y, beta):
    """The β-divergence, for V and Y without zeros where beta <= 1."""
    if beta == 1:
        return np.sum(V * np.log(V / Y) - V + Y)
    if beta == 0:
        return np.sum(V / Y - np.log(V / Y) - 1)
    return np.sum(
        (V**beta + (beta - 1) * Y**beta - beta * V * Y ** (beta - 1))
        / (beta * (beta - 1))
    )


def cp(factors):
    """The tensor of CP factors."""
    a, b, c = factors
    return np.einsum("ir,jr,kr->ijk", a, b, c)


def tucker(core, factors):
    """The tensor of a core and Tucker factors."""
    a, b, c = factors
    return np.einsum("xyz,ix,jy,kz->ijk", core, a, b, c)


def cp_mu_step(V, factors, mode, beta):
    """One factor of a third-order CP model after its multiplicative update."""
    a, b = (factor for n, factor in enumerate(factors) if n != mode)
    held = np.einsum("ir,jr->ijr", a, b).reshape(-1, a.shape[1])
    unfolded = np.moveaxis(V, mode, 0).reshape(len(factors[mode]), -1)
    return mu_step(unfolded.T, held, factors[mode].T, beta).T


def tucker_mu_step(V, core, factors, block, beta):
    """The core, or a factor of a third-order Tucker model, after its update."""
    if block == "core":
        held = np.einsum("ix,jy,kz->ijkxyz", *factors).reshape(V.size, core.size)
        return mu_step(V.reshape(-1, 1), held, core.reshape(-1, 1), beta).reshape(
            core.shape
        )
    identity = [
        factor if n != block else np.eye(core.shape[n])
        for n, factor in enumerate(factors)
    ]
    held = np.moveaxis(tucker(core, identity), block, 0)
    held = held.reshape(core.shape[block], -1)
    unfolded = np.moveaxis(V, block, 0).reshape(len(factors[block]), -1)
    return mu_step(unfolded.T, held.T, factors[block].T, beta).T


def convolution(patches, H):
    """Σ_l W_l H delayed by l frames."""
    F, _, L = patches.shape
    Y = np.zeros((F, H.shape[1]))
    for delay in range(L):
        Y[:, delay:] += patches[:, :, delay] @ H[:, : H.shape[1] - delay]
    return Y


def linear_mu_step(V, model_of, block, beta):
    """A block after its multiplicative update, where the model is linear in it.

    The matrix that makes the model of the block is built entry by entry.
    """
    units = np.eye(block.size).reshape(block.size, *block.shape)
    A = np.stack([model_of(unit).ravel() for unit in units], 1)
    return mu_step(V.reshape(-1, 1), A, block.reshape(-1, 1), beta).reshape(block.shape)
