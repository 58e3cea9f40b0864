"""Drums and the rest by harmonic-percussive separation."""

import librosa

from musaic_core.benchmark.plugins import Solver as BaseSolver


class Solver(BaseSolver):
    """Median filtering of the spectrogram, along time and along frequency.

    What is percussive are the drums; the other stems have equal parts of what is
    harmonic. For corpora with drums. FitzGerald 2010; Driedger, Müller and Disch 2014.
    """

    name = "hpss"
    answers = "stems"

    def misfit(self, task):
        if "drums" not in task.stems:
            return "there are no drums"

    def solve(self, task):
        def separate(track):
            y, _ = track.audio()
            percussive = librosa.effects.percussive(y)
            others = [name for name in task.stems if name != "drums"]
            part = (y - percussive) / len(others)
            return {"drums": percussive, **dict.fromkeys(others, part)}

        return task.predict(separate)
