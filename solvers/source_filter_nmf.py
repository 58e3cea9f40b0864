"""A singing voice of sources and filters, beside a dictionary of the other stems."""

from functools import partial

import librosa
import numpy as np

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.structured.source_filter import source_filter_nmf
from musaic_core.tasks.separation.task import POWER

PITCHES = np.arange(40, 84, 0.25)  # MIDI, 82 to 1031 Hz, a quarter of a semitone apart
WIDTH = 9.0  # Hz, of a partial: a window's main lobe
DRIFT = 0.005  # of a partial's frequency, within a window
BANDS = 30  # that a filter is a sum of, equally far apart in mel
GLIDE = 0.5  # how much less likely, in powers of e, a melody's step is a semitone


class Solver(LowRankSolver):
    """V ≈ (B G A) ∘ (S E) + W H: vocals, and the templates W of the other stems.

    The vocals are sources S, a comb for each pitch and one that is flat, heard through
    filters that are sums of broad bands B; no template of a singer is needed. With all
    pitches free they take too much of the other stems. So the likeliest path through
    E, a melody, is looked for, and the model is fitted once more with the pitches
    beside it at zero.

    Durrieu, Richard, David and Févotte 2010; Durrieu, David and Richard 2011.
    """

    name = "source_filter_nmf"
    answers = "stems"
    axes = (("frequency", "time"),)
    parameters = {
        "dictionary": ["fixed"],
        "beta": [1],
        "n_filters": [10],
        "n_iter": [20],
    }

    def misfit(self, task):
        if "vocals" not in task.labels or len(task.labels) < 2:
            return "there are no vocals among other stems"

    def factorize(self, V, given):
        labels, W = given.dictionary.labels, given.dictionary.templates
        accompanies = labels != "vocals"
        W = W[:, accompanies]
        sources, bands = sources_of(given), mel_bands(given.frequencies)
        n_sources, n_frames = sources.shape[1], V.shape[1]
        fit = partial(
            source_filter_nmf,
            V,
            sources.astype(V.dtype),
            bands.astype(V.dtype),
            self.n_filters,
            W.shape[1],
            beta=self.beta,
            fixed=("templates",),
            update="mu-extrapolated",
            max_iter=self.n_iter,
        )
        share = V.sum(0).mean() / len(given.labels)
        rng = np.random.default_rng(given.seed)
        model = fit(
            init=(
                rng.uniform(0.5, 1.5, (BANDS, self.n_filters)),
                rng.uniform(0.5, 1.5, (self.n_filters, n_frames)) / self.n_filters,
                np.full((n_sources, n_frames), share / n_sources),
                W,
                np.full((W.shape[1], n_frames), V.mean()),
            )
        )
        pitches = model.source_activations.copy()
        path = melody(pitches[:-1] ** (POWER / given.exponent))
        pitches[:-1][path != np.arange(len(PITCHES))[:, None]] = 0
        factors = model.fit.factors | {"source_activations": pitches}
        model = fit(init=[*factors.values()])
        model.labels = np.append(labels[accompanies], np.repeat("vocals", n_sources))
        return model


def melody(pitches):
    """The likeliest path through activations (P, T): an index each frame."""
    odds = np.clip(pitches / (pitches.max() or 1), 1e-3, 1)
    steps = np.exp(-GLIDE * abs(PITCHES[:, None] - PITCHES))
    steps /= steps.sum(1, keepdims=True)
    return librosa.sequence.viterbi(odds, steps)


def sources_of(given):
    """A comb for each of `PITCHES` and, last, what is flat, (F, S), each of sum 1."""
    frequencies = given.frequencies
    combs = np.full((len(frequencies), len(PITCHES) + 1), 1e-6)
    for comb, f0 in zip(combs.T, 440 * 2 ** ((PITCHES - 69) / 12), strict=False):
        for overtone in f0 * np.arange(1, frequencies[-1] // f0 + 1):
            width = np.hypot(WIDTH, DRIFT * overtone)
            away = (frequencies - overtone) / width
            comb += WIDTH / width * np.exp(-0.5 * away**2)
    combs[:, -1] = 1
    combs = combs**given.exponent
    return combs / combs.sum(0)


def mel_bands(frequencies):
    """Raised cosines (F, `BANDS`) that sum to 1."""
    mel = librosa.hz_to_mel(frequencies, htk=True)
    places = np.linspace(mel[0], mel[-1], BANDS)
    away = np.minimum(abs(mel[:, None] - places) / (places[1] - places[0]), 1)
    return 0.5 + 0.5 * np.cos(np.pi * away)
