"""Harmonic nonnegative matrix factorization."""

import numpy as np

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.structured.harmonic import harmonic_nmf

# neighbouring partials that have their strength in common: an envelope has so many
PARTIALS = ([1], [2], [3], [4], [5, 6], [7, 8], [9, 10, 11, 12], [*range(13, 21)])


class Solver(LowRankSolver):
    """V ≈ W H with a harmonic template a pitch, whose envelope is fitted.

    It needs no dictionary: which partials a pitch has is known by construction, how
    strong they are is learned of each recording, for groups of neighbouring partials.

    Vincent, Bertin and Badeau 2010.
    """

    name = "harmonic_nmf"
    answers = "notes"  # it is pitches that it finds
    axes = (("frequency", "time"),)
    parameters = {"beta": [1], "n_iter": [50]}

    def factorize(self, V, given):
        pitches = np.array(given.labels)
        bands = harmonic_bands(given.frequencies, 440 * 2 ** ((pitches - 69) / 12))
        bands = bands**given.exponent  # of powers, where V is
        n_pitches, n_bands = bands.shape[1:]
        envelope = np.tile(0.7 ** np.arange(n_bands), (n_pitches, 1))
        activations = np.full((n_pitches, V.shape[1]), V.mean())
        model = harmonic_nmf(
            V,
            bands.astype(V.dtype),
            beta=self.beta,
            init=(envelope, activations),
            update="mu-extrapolated",
            max_iter=self.n_iter,
        )
        model.labels = pitches
        return model


def harmonic_bands(frequencies, fundamentals):
    """Spectra (F, pitches, bands) of the partials in each of `PARTIALS`, of sum 1."""
    width = (
        0.85 * np.gradient(frequencies)[:, None]
    )  # of a partial: a window's main lobe

    def spectrum(numbers):
        peaks = [
            np.exp(-0.5 * ((frequencies[:, None] - n * fundamentals) / width) ** 2) / n
            for n in numbers
        ]
        return np.sum(peaks, axis=0)

    bands = np.stack([spectrum(numbers) for numbers in PARTIALS], axis=2)
    return bands / np.maximum(bands.sum(0), 1e-12)
