"""Nonnegative matrix factorization."""

import numpy as np

from musaic_core.benchmark.plugins import FactorizationSolver
from musaic_core.lowrank.nmf import nmf


class Solver(FactorizationSolver):
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

    def factorize(self, V, templates):
        rank, start = self.rank, "random"
        if templates is not None:
            rank = templates.shape[1]
            start = (templates, np.full((rank, V.shape[1]), V.mean(), V.dtype))
        return nmf(
            V,
            rank,
            beta=self.beta,
            init=start,
            fixed=("templates",) if self.dictionary == "fixed" else (),
            max_iter=self.n_iter,
            seed=self.seed,
        )
