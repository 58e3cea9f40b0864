"""Nonnegative matrix factorization that keeps outliers apart."""

import numpy as np

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.structured.robust import robust_nmf


class Solver(LowRankSolver):
    """V ≈ W H + R, with a penalty on the norms of R's columns.

    What no template explains, such as a stroke, a cough or an instrument that the
    dictionary does not have, becomes outliers and not notes: they are of no component,
    and no answer is made of them. `weight` is that of the penalty, per root of the
    number of rows, for V of mean 1.

    Févotte and Dobigeon 2015.
    """

    name = "robust_nmf"
    axes = (("frequency", "time"),)
    parameters = {
        "dictionary": ["fixed"],
        "beta": [1],
        "weight": [0.3],
        "n_iter": [30],
    }

    def factorize(self, V, given):
        W, n_frames = given.dictionary.templates, V.shape[1]
        mean = V.mean() or 1
        model = robust_nmf(
            V,
            W.shape[1],
            self.weight * np.sqrt(len(V)) * mean ** (self.beta - 1),
            beta=self.beta,
            init=(W, np.full((W.shape[1], n_frames), mean), 0.1 * V),
            fixed=("templates",),
            update="mu-extrapolated",
            max_iter=self.n_iter,
        )
        model.labels = given.dictionary.labels
        return model
