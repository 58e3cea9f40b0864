"""The floor of every structure score."""

import numpy as np

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.tasks.structure.decoder import make_sections


class Solver(BaseSolver):
    """A new section every eight bars, whatever is played."""

    name = "equal_sections"
    answers = "sections"
    kind = "floor"

    def predict(self, recording, given):
        n_bars = len(given.bars) - 1
        boundaries = np.unique([*range(0, n_bars, 8), n_bars])
        labels = range(1, len(boundaries))  # each its own
        return make_sections(given.bars, boundaries, labels, recording.duration)
