"""Complex spectra that models of them are tested on, and how close these come."""

import numpy as np

KINDS = "any", "silent row", "silent channel", "copy"


def gaussian(rng, shape):
    """Circular, of variance 1."""
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)) / np.sqrt(2)


def channels(seed=0, n=2, shape=(8, 12)):
    """Spectra (n, F, T) of channels, louder in some rows than in others."""
    rng = np.random.default_rng(seed)
    return gaussian(rng, (n, *shape)) * (0.1 + rng.gamma(0.3, 1, (shape[0], 1)))


def channels_of_kind(kind, seed, n, scale):
    """The same of any scale, with a row that is all but silent, and of one of `KINDS`.

    Where a channel is silent or a copy, no covariance of channels has an inverse.
    """
    X = scale * channels(seed, n)
    X[:, 5] *= 1e-4
    if kind == "silent row":
        X[:, 3] = 0
    elif kind == "silent channel":
        X[-1] = 0
    elif kind == "copy":
        X[-1] = X[0]
    return X


def sdr(true, found):
    """Energy of what is true over that of the error, dB."""
    return 10 * np.log10((abs(true) ** 2).sum() / (abs(true - found) ** 2).sum())
