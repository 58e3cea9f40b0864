"""Nonnegative Tucker decomposition with a core learned from a stream."""

import numpy as np

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.deep.start import layer_ranks
from musaic_core.lowrank.ntd import ntd
from musaic_core.lowrank.online import OnlineNTD
from musaic_core.tasks.bars import resampling
from musaic_core.tasks.stream import FRAMES, learn_bars


class Solver(LowRankSolver):
    """V ≈ core ×₁ W ×₂ H ×₃ Q with one core, W and H for all training recordings.

    Spectra W, rhythms H and the kinds of bar that the core makes of them are learned
    online, from mini-batches of bars, and then held: only Q is a recording's own. For
    training sets of any size whose pieces have kinds of bars in common. With a `depth`
    of 2 to 4 the spectra are W = W₂ A₂ and so on, of `spectra` to `coarse` ones.

    Mairal et al. 2009 and Zhao, Tan and Xu 2017, for matrices; derived in
    docs/deep_tensor_factorizations.md for layers.
    """

    name = "online_ntd"
    axes = ((None, "time in bar", "bar"),)
    parameters = {
        "beta": [1],
        "depth": [1],  # or 2 to 4
        "spectra, coarse, rhythms, bars": [(32, 16, 16, 12)],
        "n_epochs": [3],
        "n_iter": [30],
    }

    def fit(self, train, given):
        layers = {0: layer_ranks(self.spectra, self.coarse, self.depth)[1:]}
        model = OnlineNTD(self._ranks, layers=layers, beta=self.beta, seed=given.seed)
        return learn_bars(model, train, given, self.n_epochs)

    def factorize(self, V, state, given):
        rhythms = resampling(V.shape[1], FRAMES) @ state["1"]
        flat = np.full((V.shape[2], self.bars), V.mean(), V.dtype)
        return ntd(
            V,
            self._ranks,
            beta=self.beta,
            init=(state["0"], rhythms, flat, state["core"]),
            fixed=(0, 1, "core"),
            update="mu-extrapolated",
            max_iter=self.n_iter,
        )

    @property
    def _ranks(self):
        return self.spectra, self.rhythms, self.bars
