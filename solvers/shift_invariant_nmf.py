"""Nonnegative matrix factorization of notes that may be out of tune."""

import numpy as np

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.structured.shift_invariant import shift_invariant_nmf
from musaic_core.tasks.transcription.spectrogram import partials_in_bands


class Solver(LowRankSolver):
    """V ≈ Σ_s P_s W H_s: notes heard alone, each also a little lower and higher.

    Vibrato, glides and another tuning are then shifts of the dictionary's entries, and
    not other notes. Each note has so many `heights`, which divide a semitone evenly;
    P_s says what a transposition does to a spectrum on V's axis.

    Schmidt and Mørup 2006; Smaragdis, Raj and Shashanka 2008; Benetos and Dixon 2013.
    """

    name = "shift_invariant_nmf"
    answers = "notes"
    axes = (("frequency", "time"),)
    parameters = {
        "dictionary": ["fixed"],
        "beta": [1],
        "heights": [3],
        "n_iter": [30],
    }

    def factorize(self, V, given):
        W, labels = given.dictionary.templates, given.dictionary.labels
        semitones = (np.arange(self.heights) - self.heights // 2) / self.heights
        shifts = [transposition(given.frequencies, s) for s in semitones]
        mask = given.mask(labels)
        if mask is not None:  # at all heights alike
            allowed = mask["activations"][:, None].repeat(len(shifts), 1)
            mask = {"impulses": allowed}
        shape = W.shape[1], len(shifts), V.shape[1]
        model = shift_invariant_nmf(
            V,
            W.shape[1],
            np.stack(shifts),
            beta=self.beta,
            init=(W[:, :, None], np.full(shape, V.mean(), V.dtype)),
            fixed=("patches",),
            mask=mask,
            update="mu-extrapolated",
            max_iter=self.n_iter,
        )
        model.labels = labels
        return model


def transposition(frequencies, semitones):
    """What a transposition does to a spectrum: each band goes where its centre goes."""
    bands = partials_in_bands(frequencies * 2 ** (semitones / 12))
    return bands[: len(frequencies)]
