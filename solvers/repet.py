"""Vocals as what does not repeat."""

import librosa
import numpy as np

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.data.errors import InputError
from musaic_core.tasks.separation.task import POWER
from musaic_core.tasks.separation.wiener import synthesize

APART = 2.0  # s, that frames are at least, to be a repetition of each other


class Solver(BaseSolver):
    """REPET-SIM: the median of the frames most like each frame is the accompaniment.

    What a frame has beyond that are the vocals; the other stems have equal parts of
    what repeats. For corpora with vocals. Rafii and Pardo 2012, 2013.
    """

    name = "repet"
    answers = "stems"
    kind = "peer"
    in_default_run = False  # as rpca, the other peer for vocals
    axes = (("frequency", "time"),)

    def misfit(self, task):
        if "vocals" not in task.labels or len(task.labels) < 2:
            return "there are no vocals among other stems"

    def predict(self, recording, given):
        V = given.V
        width = min(round(APART / given.frame), (V.shape[1] - 1) // 2 - 1)
        if width < 1:
            raise InputError(f"{recording.name}: too short to repeat anything")
        repeats = librosa.decompose.nn_filter(
            V, aggregate=np.median, metric="cosine", width=width
        )
        repeats = np.minimum(V, repeats)
        y, sr = recording.audio()
        parts = np.stack([V - repeats, repeats])
        vocals, rest = synthesize(y, sr, parts, power=POWER)
        others = [name for name in given.labels if name != "vocals"]
        return {"vocals": vocals, **dict.fromkeys(others, rest / len(others))}
