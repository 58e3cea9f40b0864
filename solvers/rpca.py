"""Vocals as what is sparse beside a spectrogram of low rank."""

import numpy as np

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.tasks.separation.task import POWER
from musaic_core.tasks.separation.wiener import synthesize

FRAMES = 500  # that are decomposed at once


class Solver(BaseSolver):
    """Robust principal component analysis of 20 s at a time, by TensorLy.

    ``V = L + E`` with the least ``‖L‖_* + λ ‖E‖₁``: what accompanies repeats, so it is
    of low rank, and the vocals are sparse. The other stems have equal parts of what is
    of low rank. For corpora with vocals. Huang, Chen, Smaragdis and Hasegawa-Johnson
    2012.
    """

    name = "rpca"
    answers = "stems"
    kind = "peer"
    axes = (("frequency", "time"),)
    in_default_run = False  # its decompositions take longer than all others' work
    parameters = {"n_iter": [8]}

    def misfit(self, task):
        if "vocals" not in task.labels or len(task.labels) < 2:
            return "there are no vocals among other stems"

    def predict(self, recording, given):
        V = given.V
        stops = range(FRAMES, V.shape[1], FRAMES)
        pieces = [self.decomposed(X) for X in np.split(V, stops, 1)]
        y, sr = recording.audio()
        parts = np.concatenate(pieces, axis=2)
        vocals, rest = synthesize(y, sr, parts, power=POWER)
        others = [name for name in given.labels if name != "vocals"]
        return {"vocals": vocals, **dict.fromkeys(others, rest / len(others))}

    def decomposed(self, X):
        """Magnitudes of what is sparse and of what is of low rank, (2, F, T)."""
        from tensorly.decomposition import robust_pca

        size = np.linalg.norm(X, 2)
        if size == 0:
            return np.stack([X, X])
        # both of a matrix's unfoldings have a nuclear norm: λ counts twice
        low_rank, sparse = robust_pca(
            X / size,
            reg_E=2 / np.sqrt(max(X.shape)),
            mu_init=1.25,
            learning_rate=3,
            n_iter_max=self.n_iter,
            verbose=0,
        )
        return np.abs(np.stack([sparse, low_rank]))
