"""A dictionary heard through a filter."""

import numpy as np

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.structured.filtered import filtered_nmf
from musaic_core.tasks.transcription.dictionary import octave_bands


class Solver(LowRankSolver):
    """V[f, t] ≈ r[f] Σ_l W_l[f] H[:, t - l]: notes heard alone, and a filter.

    The dictionary is of other instruments, rooms and microphones than the recording.
    What these change alike in all its entries is one response r, which is fitted: a sum
    of bands that are a third of an octave apart, too wide to make a note of another.
    What else there is, such as breath or a hammer's stroke, is bands of noise, one an
    octave, which are of no note.

    Virtanen and Klapuri 2006; Smaragdis 2007 (entries of `length` frames).
    """

    name = "filtered_nmf"
    answers = "notes"  # of stems each would have a filter of its own
    axes = (("frequency", "time"),)
    parameters = {"dictionary": ["fixed"], "beta": [1], "length": [10], "n_iter": [30]}

    def factorize(self, V, given):
        W, labels = given.dictionary.patches(min(self.length, V.shape[1]))
        noise = octave_bands(given.frequencies)
        n_bands = noise.shape[1]
        W = np.pad(W, ((0, 0), (n_bands, 0), (0, 0)))
        W[:, :n_bands, 0] = noise / noise.sum(0)
        labels = np.append(np.zeros(n_bands, labels.dtype), labels)
        bands = octave_bands(given.frequencies, 3)
        H = np.full((W.shape[1], V.shape[1]), V.mean(), V.dtype)
        H, n_iter = given.begun(H, self.n_iter)
        model = filtered_nmf(
            V,
            W,
            bands.astype(V.dtype),
            beta=self.beta,
            init=(None, H),
            mask=given.mask(labels),
            update="mu-extrapolated",
            max_iter=n_iter,
        )
        model.labels = labels
        return model
