"""Nonnegative matrix factorization by scikit-learn."""

import numpy as np

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.models import NMF


class Solver(LowRankSolver):
    """V ≈ W H by scikit-learn's multiplicative updates.

    The problem that the solver `nmf` solves, through the package that most people
    would reach for. Pedregosa et al. 2011.
    """

    name = "sklearn"
    kind = "peer"
    requirements = ["pip::scikit-learn"]
    parameters = {
        "dictionary, beta": [("fixed", 1)],  # also adapted and blind
        "rank": [40],
        "n_iter": [100],
    }

    def prepare(self):
        from sklearn.decomposition import non_negative_factorization

        self.nmf = non_negative_factorization

    def factorize(self, V, given):
        start = {"init": "random", "n_components": self.rank}
        W = given.dictionary and given.dictionary.templates
        if W is not None:
            R = W.shape[1]
            activations = np.full((V.shape[1], R), np.sqrt(V.mean() / R), V.dtype)
            start = {"n_components": R, "H": np.ascontiguousarray(W.T)}
            if self.dictionary == "adapted":
                start |= {"init": "custom", "W": activations}
        # samples are rows in scikit-learn: Vᵀ ≈ Hᵀ Wᵀ
        H, W, _ = self.nmf(
            np.ascontiguousarray(V.T),
            **start,
            update_H=self.dictionary != "fixed",
            solver="mu",
            beta_loss=self.beta,
            max_iter=self.n_iter,
            tol=0,
            random_state=given.seed,
        )
        labels = given.dictionary and given.dictionary.labels
        return NMF(W.T, H.T, labels=labels)
