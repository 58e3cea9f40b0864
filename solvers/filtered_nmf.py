"""A dictionary heard through a filter."""

import numpy as np

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.structured.filtered import filtered_nmf


class Solver(LowRankSolver):
    """V[f, t] ≈ r[f] Σ_l W_l[f] H[:, t - l]: notes or stems heard alone, and a filter.

    The dictionary is of other instruments, rooms and microphones than the recording.
    What these change alike in all its entries is one response r, which is fitted: a sum
    of bands that are a third of an octave apart, too wide to make a note of another.

    Virtanen and Klapuri 2006; Smaragdis 2007 (entries of `length` frames).
    """

    name = "filtered_nmf"
    axes = (("frequency", "time"),)
    parameters = {"dictionary": ["fixed"], "beta": [1], "length": [10], "n_iter": [30]}

    def factorize(self, V, given):
        W, labels = given.dictionary.patches(min(self.length, V.shape[1]))
        bands = third_octaves(given.frequencies)
        start = np.full((W.shape[1], V.shape[1]), V.mean(), V.dtype)
        model = filtered_nmf(
            V,
            W,
            bands.astype(V.dtype),
            beta=self.beta,
            init=(None, start),
            update="mu-extrapolated",
            max_iter=self.n_iter,
        )
        model.labels = labels
        return model


def third_octaves(frequencies):
    """Raised cosines (F, K) a third of an octave apart, which sum to 1."""
    octaves = np.log2(np.maximum(frequencies, 30))
    centres = np.arange(octaves[0], octaves[-1] + 1 / 3, 1 / 3)
    away = np.minimum(3 * np.abs(octaves[:, None] - centres), 1)
    return 0.5 + 0.5 * np.cos(np.pi * away)
