"""Drums and the rest by harmonic-percussive separation."""

import librosa

from musaic_core.benchmark.solver import Solver as BaseSolver


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
        percussive = librosa.effects.percussive(y)
        others = [name for name in given.labels if name != "drums"]
        part = (y - percussive) / len(others)
        return {"drums": percussive, **dict.fromkeys(others, part)}
