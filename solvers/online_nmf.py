"""Nonnegative matrix factorization with templates learned from a stream."""

import numpy as np

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.deep.start import layer_ranks
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.online import OnlineNMF


class Solver(LowRankSolver):
    """V ≈ W H, with one W for all training recordings, learned online and then held.

    What the other models learn of each test recording alone, or of isolated notes and
    stems, this one learns of whole mixtures, without knowing what sounds in them:
    mini-batches of frames, each for an update of W, in constant memory. For training
    sets of any size; the task labels the templates as it does those of a blind model.
    With a `depth` of 2 to 4, W = W₂ A₂ and so on, of `rank` templates to `coarse` ones.

    Mairal et al. 2009; Lefèvre, Bach and Févotte 2011; Zhao, Tan and Xu 2017.
    """

    name = "online_nmf"
    parameters = {
        "beta": [1],
        "depth": [1],  # or 2 to 4
        "rank, coarse": [(88, 40)],
        "n_epochs": [2],
        "n_iter": [50],
    }

    def fit(self, train, given):
        layers = layer_ranks(self.rank, self.coarse, self.depth)[1:]
        model = OnlineNMF(self.rank, layers=layers, beta=self.beta, seed=given.seed)
        model.fit(lambda: (V for _, V in given.read(train)), self.n_epochs)
        return {"templates": np.asarray(model.templates)}

    def factorize(self, V, state, given):
        activations = np.full((self.rank, V.shape[1]), V.mean(), V.dtype)
        return nmf(
            V,
            self.rank,
            beta=self.beta,
            init=(state["templates"], activations),
            fixed=("templates",),
            max_iter=self.n_iter,
        )
