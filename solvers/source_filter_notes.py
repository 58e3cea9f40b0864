"""Notes as sources heard through filters, beside what has no pitch."""

import librosa
import numpy as np

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.structured.source_filter import source_filter_nmf
from musaic_core.tasks.transcription.dictionary import octave_bands
from musaic_core.tasks.transcription.spectrogram import partials_in_bands

HEIGHTS = np.array([-1, 0, 1]) / 3  # of a note's sources, in semitones
PARTIALS = np.arange(1, 21)
# of their strengths, which filters change; were they alike, a source an octave too low
# would have all that a note has
DECAY = 0.7


class Solver(LowRankSolver):
    """V ≈ (B G A) ∘ (S E) + W H: combs through filters, and what has no pitch.

    It needs no dictionary: sources S are a comb for each third of a semitone, so that a
    voice may glide, and one that is flat, for what is unvoiced. Vowels, bodies and
    rooms are filters, sums of bands B a third of an octave apart. What else there is,
    such as drums, is left to `rank` free templates W. Those and the flat source are of
    no note. Several notes may sound at once, through one filter in each frame.

    Durrieu, Richard, David and Févotte 2010; Durrieu, David and Richard 2011.
    """

    name = "source_filter_notes"
    answers = "notes"  # source_filter_nmf has the stem of a voice
    axes = (("frequency", "time"),)
    parameters = {"beta": [1], "n_filters": [10], "rank": [4], "n_iter": [30]}

    def factorize(self, V, given):
        notes = np.repeat(given.labels, len(HEIGHTS))
        sources = combs(notes + np.tile(HEIGHTS, len(given.labels)))[: len(V)]
        sources = np.column_stack([sources, np.ones(len(V))]) ** given.exponent
        sources /= np.maximum(sources.sum(0), 1e-12)
        activations = np.full((sources.shape[1], V.shape[1]), V.mean())
        model = source_filter_nmf(
            V,
            sources.astype(V.dtype),
            octave_bands(given.frequencies, 3).astype(V.dtype),
            self.n_filters,
            self.rank,
            beta=self.beta,
            init=(None, None, activations, None, None),
            update="mu-extrapolated",
            max_iter=self.n_iter,
            seed=given.seed,
        )
        model.labels = np.concatenate([np.zeros(self.rank, int), notes, [0]])
        return model


def combs(pitches):
    """Spectra (F, pitches) of decaying partials, on the bands that V has."""
    partials = np.outer(librosa.midi_to_hz(pitches), PARTIALS)
    spectra = partials_in_bands(partials.ravel())
    return spectra.reshape(-1, *partials.shape) @ DECAY**PARTIALS
