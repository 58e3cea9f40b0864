"""Harmonic nonnegative matrix factorization."""

import numpy as np

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.structured.inharmonic import inharmonic_nmf

# neighbouring partials that have their strength in common: an envelope has so many
PARTIALS = ([1], [2], [3], [4], [5, 6], [7, 8], [9, 10, 11, 12], [*range(13, 21)])
STIFFNESS = 0, 0.5, 1, 2  # that strings may have, in multiples of a common piano's


class Solver(LowRankSolver):
    """V ≈ W H with a harmonic template a pitch, whose envelope is fitted.

    It needs no dictionary: which partials a pitch has is known by construction, how
    strong they are is learned of each recording, for groups of neighbouring partials.
    Strings are stiff, which moves high partials up: `inharmonicity` is how much, in
    multiples of a common piano's. Where it is "fitted", each octave finds its own.

    Vincent, Bertin and Badeau 2010; Rigaud, David and Daudet 2013 (inharmonicity).
    """

    name = "harmonic_nmf"
    answers = "notes"  # it is pitches that it finds
    axes = (("frequency", "time"),)
    parameters = {
        "beta": [1],
        "inharmonicity": [0.5],  # also any other number, and fitted
        "n_iter": [50],
    }

    def factorize(self, V, given):
        pitches = np.array(given.labels)
        fitted = self.inharmonicity == "fitted"
        stiffness = STIFFNESS if fitted else (self.inharmonicity,)
        bands = [harmonic_bands(given.frequencies, pitches, B) for B in stiffness]
        bands = np.stack(bands, axis=3)
        bands = bands**given.exponent  # of powers, where V is
        n_pitches, n_bands = bands.shape[1:3]
        envelope = np.tile(0.7 ** np.arange(n_bands), (n_pitches, 1))
        activations = np.full((n_pitches, V.shape[1]), V.mean())
        model = inharmonic_nmf(
            V,
            bands.astype(V.dtype),
            octaves(pitches),
            beta=self.beta,
            init=(envelope, None, activations),
            fixed=() if fitted else ("inharmonicity",),
            update="mu-extrapolated",
            max_iter=self.n_iter,
        )
        model.labels = pitches
        return model


def harmonic_bands(frequencies, pitches, stiffness):
    """Spectra (F, pitches, bands) of the partials in each of `PARTIALS`, of sum 1."""
    # of a partial: a window's main lobe
    width = 0.85 * np.gradient(frequencies)[:, None]
    fundamentals = 440 * 2 ** ((pitches - 69) / 12)
    # along a common piano's keyboard: the bass's and the treble's
    B = stiffness * (np.exp(0.093 * pitches - 13.6) + np.exp(-0.085 * pitches - 5.8))

    def spectrum(numbers):
        peaks = []
        for n in numbers:
            partials = n * fundamentals * np.sqrt(1 + B * n**2)
            away = (frequencies[:, None] - partials) / width
            peaks.append(np.exp(-0.5 * away**2) / n)
        return np.sum(peaks, axis=0)

    bands = np.stack([spectrum(numbers) for numbers in PARTIALS], axis=2)
    return bands / np.maximum(bands.sum(0), 1e-12)


def octaves(pitches):
    """How much each pitch belongs to each octave, (pitches, octaves): they overlap."""
    centres = np.arange(pitches.min(), pitches.max() + 12, 12)
    return np.maximum(1 - np.abs(pitches[:, None] - centres) / 12, 0)
