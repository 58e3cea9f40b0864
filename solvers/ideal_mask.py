"""The ceiling of every separation score by masks: an oracle."""

import numpy as np

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.data.errors import InputError
from musaic_core.tasks.separation.task import has_stems
from musaic_core.tasks.separation.wiener import ideal_stems


class Solver(BaseSolver):
    """An oracle, no competitor: the ideal ratio mask, made of the true stems.

    Each bin of the mixture's spectrogram is divided in the ratio of the true stems'
    powers. Models that filter the mixture can hardly do better.
    """

    name = "ideal_mask"
    answers = "stems"
    kind = "oracle"

    def predict(self, track, given):
        y, sr = track.audio()
        if not has_stems(track):
            raise InputError(f"{track.name}: its stems are not known")
        stems = track.stems()
        ideal = ideal_stems(y, sr, np.stack(list(stems.values())))
        return dict(zip(stems, ideal, strict=True))
