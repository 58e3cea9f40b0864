"""Notes of sources and filters, beside what has no pitch."""

import numpy as np

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.structured.source_filter import source_filter_nmf
from musaic_core.tasks.transcription.dictionary import octave_bands

PER_SEMITONE = 3  # sources: as far apart as V's bands are
BANDS = 3  # an octave, that a filter is a sum of


class Solver(LowRankSolver):
    """V ≈ (B G A) ∘ (S E) + W H: combs of all pitches through filters, and the rest.

    No dictionary is needed: the sources S are a comb for each third of a semitone, so
    that voices may glide, and one that is flat, for what is unvoiced; vowels, bodies
    and rooms are filters, which are sums of broad bands B. What is no comb, such as
    drums, is left to `rank` free templates W, which are of no note.

    Durrieu, Richard, David and Févotte 2010; Durrieu, David and Richard 2011.
    """

    name = "source_filter_notes"
    answers = "notes"  # source_filter_nmf gives the voice as a stem
    axes = (("frequency", "time"),)
    parameters = {"beta": [1], "n_filters": [10], "rank": [4], "n_iter": [30]}

    def factorize(self, V, given):
        pitches = np.arange(
            given.labels[0] - 0.5 + 0.5 / PER_SEMITONE,
            given.labels[-1] + 0.5,
            1 / PER_SEMITONE,
        )
        sources = sources_of(given.frequencies, 440 * 2 ** ((pitches - 69) / 12))
        sources = sources**given.exponent
        sources /= sources.sum(0)
        n_sources = sources.shape[1]
        model = source_filter_nmf(
            V,
            sources.astype(V.dtype),
            octave_bands(given.frequencies, BANDS).astype(V.dtype),
            self.n_filters,
            self.rank,
            beta=self.beta,
            init=(None, None, np.full((n_sources, V.shape[1]), V.mean()), None, None),
            update="mu-extrapolated",
            max_iter=self.n_iter,
            seed=given.seed,
        )
        no_pitch = np.zeros(self.rank, int)
        model.labels = np.concatenate([no_pitch, np.round(pitches).astype(int), [0]])
        return model


def sources_of(frequencies, fundamentals):
    """A comb for each fundamental and, last, what is flat, (F, S)."""
    width = 0.85 * np.gradient(frequencies)  # of a partial: a window's main lobe
    combs = np.full((len(frequencies), len(fundamentals) + 1), 1e-6)
    for comb, f0 in zip(combs.T, fundamentals, strict=False):
        for overtone in f0 * np.arange(1, frequencies[-1] // f0 + 1):
            comb += np.exp(-0.5 * ((frequencies - overtone) / width) ** 2)
    combs[:, -1] = 1
    return combs
