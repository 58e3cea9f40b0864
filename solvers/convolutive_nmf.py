"""Convolutive nonnegative matrix factorization."""

import numpy as np

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.structured.convolutive import convolutive_nmf


class Solver(LowRankSolver):
    """V[:, t] ≈ Σ_l W_l H[:, t - l]: templates that last `length` frames.

    A note is one component from its attack to its decay, a drum stroke is one event,
    where an NMF needs a template for each of their phases. The patches W are those of
    notes or stems heard alone (`fixed`), or `rank` of them are found in each recording
    (`blind`).

    Smaragdis 2007; Wu, Marmoret and Cohen 2022.
    """

    name = "convolutive_nmf"
    axes = (("frequency", "time"),)
    parameters = {
        "dictionary": ["fixed", "blind"],
        "beta": [1],
        "rank": [24],
        "length": [6],
        "n_iter": [30],
    }

    def factorize(self, V, given):
        rank, start, labels = self.rank, "random", None
        length = min(self.length, V.shape[1])
        if given.dictionary is not None:
            W, labels = given.dictionary.patches(length)
            W, rank = W[: len(V)], W.shape[1]
            start = (W, np.full((rank, V.shape[1]), V.mean(), V.dtype))
        model = convolutive_nmf(
            V,
            rank,
            length,
            beta=self.beta,
            init=start,
            fixed=("patches",) if self.dictionary == "fixed" else (),
            mask=given.mask(labels),
            update="mu-extrapolated",
            max_iter=self.n_iter,
            seed=given.seed,
        )
        model.labels = labels
        return model
