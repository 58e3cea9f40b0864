"""Nonnegative matrix factorization."""

import numpy as np

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.models import NMF
from musaic_core.lowrank.nmf import nmf


class Solver(LowRankSolver):
    """V ≈ W H, minimising the β-divergence of V from W H by multiplicative updates.

    β = 1 (Kullback-Leibler) suits magnitude spectra and is the one to start from;
    β = 0 (Itakura-Saito) hears quiet notes beside loud ones; β = 2 (Euclidean)
    follows the loudest. The dictionary W is held (`fixed`), a starting point
    (`adapted`), or found in each recording alone, with `rank` templates (`blind`).

    Lee and Seung 1999; Smaragdis and Brown 2003; Févotte and Idier 2011.
    """

    name = "nmf"
    parameters = {
        "dictionary, beta": [
            ("fixed", 1),
            ("fixed", 0),
            ("fixed", 2),
            ("blind", 1),
        ],  # also adapted
        "rank": [40],
        "n_iter": [100],
    }

    def factorize(self, V, given):
        rank, start, n_iter, weights = self.rank, "random", self.n_iter, None
        labels = given.dictionary and given.dictionary.labels
        if labels is not None:
            W = given.dictionary.templates
            rank = W.shape[1]
            H = np.full((rank, V.shape[1]), V.mean(), V.dtype)
            H, n_iter = given.begun(H, n_iter)
            if self.dictionary == "fixed":
                V, W, weights = given.told_apart(V, W)
            start = W, H
        model = nmf(
            V,
            rank,
            beta=self.beta,
            init=start,
            fixed=("templates",) if self.dictionary == "fixed" else (),
            mask=given.mask(labels),
            data_weights=weights,
            max_iter=n_iter,
            seed=given.seed,
        )
        if weights is not None:
            model = NMF(given.dictionary.templates, model.activations)
        model.labels = labels
        return model
