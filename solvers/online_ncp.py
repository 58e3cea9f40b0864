"""Nonnegative CP decomposition with spectra and rhythms learned from a stream."""

import numpy as np

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.deep.start import layer_ranks
from musaic_core.lowrank.ncp import ncp
from musaic_core.lowrank.online import OnlineNCP
from musaic_core.tasks.bars import resampling
from musaic_core.tasks.stream import FRAMES, learn_bars


class Solver(LowRankSolver):
    """V ≈ Σ_r a_r ∘ b_r ∘ c_r with one a and b for all training recordings.

    Spectra and rhythms are learned online, from mini-batches of bars, and then held:
    only the third factor is a recording's own, and says which bar has which. For
    training sets of any size whose pieces have patterns in common. With a `depth` of 2
    to 4 the spectra are A = A₂ M and so on, mixtures of `coarse` ones.

    Mairal et al. 2009 and Zhao, Tan and Xu 2017, for matrices; derived in
    docs/deep_tensor_factorizations.md for layers.
    """

    name = "online_ncp"
    axes = ((None, "time in bar", "bar"),)
    parameters = {
        "beta": [1],
        "depth": [2],  # or 3 and 4
        "rank, coarse": [(60, 24)],
        "n_epochs": [3],
        "n_iter": [30],
    }

    def fit(self, train, given):
        layers = {0: layer_ranks(self.rank, self.coarse, self.depth)[1:]}
        model = OnlineNCP(self.rank, layers=layers, beta=self.beta, seed=given.seed)
        return learn_bars(model, train, given, self.n_epochs)

    def factorize(self, V, state, given):
        rhythms = resampling(V.shape[1], FRAMES) @ state["1"]
        flat = np.full((V.shape[2], self.rank), V.mean(), V.dtype)
        return ncp(
            V,
            self.rank,
            beta=self.beta,
            init=(state["0"], rhythms, flat),
            fixed=(0, 1),
            update="mu-extrapolated",
            max_iter=self.n_iter,
        )
