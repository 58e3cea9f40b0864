"""Drums and the rest by harmonic-percussive separation."""

import librosa
import numpy as np

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.tasks.blocks import FRAMES, blocks_with_context


class Solver(BaseSolver):
    """Median filtering of the spectrogram, along time and along frequency.

    What is percussive are the drums; the other stems have equal parts of what is
    harmonic. For corpora with drums. FitzGerald 2010; Driedger, Müller and Disch 2014.
    """

    name = "hpss"
    answers = "stems"
    kind = "peer"

    def misfit(self, task):
        if "drums" not in task.labels:
            return "there are no drums"

    def predict(self, recording, given):
        y, _ = recording.audio()
        percussive = np.empty_like(y)
        # medians are over 15 frames before and after; these are 512 samples apart
        for outer, inner in blocks_with_context(y.shape[1], 512, FRAMES, 24):
            heard = librosa.effects.percussive(y[:, outer])
            first = outer.start + inner.start
            percussive[:, first : outer.start + inner.stop] = heard[:, inner]
        others = [name for name in given.labels if name != "drums"]
        y -= percussive
        y /= len(others)
        return {"drums": percussive, **dict.fromkeys(others, y)}
