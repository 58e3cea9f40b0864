"""Nonnegative matrix factorization with templates learned from a stream."""

import numpy as np

from musaic_core.benchmark.plugins import FactorizationSolver
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.online import OnlineNMF
from musaic_core.tasks.base import Estimate


class Solver(FactorizationSolver):
    """V ≈ W H, with one W for all training recordings, learned online and then held.

    What the other models learn of each test recording alone, or of isolated notes and
    stems, this one learns of whole mixtures, without knowing what sounds in them:
    mini-batches of frames, each for an update of W, in constant memory. For training
    sets of any size; the task labels the templates as it does those of a blind model.

    Mairal et al. 2009; Lefèvre, Bach and Févotte 2011; Zhao, Tan and Xu 2017.
    """

    name = "online_nmf"
    parameters = {"beta": [1], "rank": [88], "n_epochs": [2], "n_iter": [50]}

    def mismatch(self, task):
        if not getattr(task, "train", None):
            return "learns from training recordings, and there are none"
        return super().mismatch(task)

    def solve(self, task):
        model = OnlineNMF(self.rank, beta=self.beta, seed=self.seed)
        self.W = model.fit(lambda: self.spectra(task), self.n_epochs).templates
        return super().solve(task)

    def spectra(self, task):
        """V of each training recording that can be read, one at a time."""
        for track in task.train:
            read = task.each([track], lambda track: Estimate(task.represent(track)))
            if not read[track.id].error:
                yield read[track.id].answer

    def factorize(self, V, templates):
        activations = np.full((self.rank, V.shape[1]), V.mean(), V.dtype)
        return nmf(
            V,
            self.rank,
            beta=self.beta,
            init=(self.W, activations),
            fixed=("templates",),
            max_iter=self.n_iter,
        )
