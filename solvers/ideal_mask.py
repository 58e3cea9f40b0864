"""The ceiling of every separation score by masks: an oracle."""

import numpy as np

from musaic_core.benchmark.plugins import Solver as BaseSolver
from musaic_core.tasks.separation.task import ideal_stems, stems_of


class Solver(BaseSolver):
    """An oracle, no competitor: the ideal ratio mask, made of the true stems.

    Each bin of the mixture's spectrogram is divided in the ratio of the true stems'
    powers. Models that filter the mixture can hardly do better.
    """

    name = "ideal_mask"
    answers = "stems"

    def solve(self, task):
        def separate(track):
            y, sr = track.audio()
            stems = stems_of(track, task.stems)
            ideal = ideal_stems(y, sr, np.stack(list(stems.values())))
            return dict(zip(stems, ideal, strict=True))

        return task.predict(separate)
