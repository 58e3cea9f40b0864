"""Nonnegative matrix factorization with a penalty."""

from functools import partial

import numpy as np

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.decay import Decay
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.penalties import (
    MinimumVolume,
    Orthogonality,
    Smoothness,
    Sparsity,
)

PENALTIES = {
    "sparsity": ("activations", Sparsity),
    "smoothness": ("activations", Smoothness),
    "orthogonality": ("activations", Orthogonality),
    "decay": ("activations", partial(Decay, rate=0.98, level=0.1)),
    "volume": ("templates", MinimumVolume),
}


class Solver(LowRankSolver):
    """V ≈ W H, minimising D(V | W H) + μ R(W or H).

    ``sparsity`` where few templates sound at once, with β = 0 or 2 (for β = 1 it
    does little but scale); ``orthogonality`` where templates rarely sound together,
    or stand for the same; ``smoothness`` where activations change slowly; ``decay``
    where they start at once and fade; ``volume`` for templates that fit the data
    tightly, in blind use. μ is `weight` in units of the data's mean.

    Le Roux, Weninger and Hershey 2015; Virtanen 2007; Choi 2008; Févotte 2011; Leplat,
    Gillis and Ang 2020.
    """

    name = "penalised_nmf"
    parameters = {
        "dictionary, penalty, weight, beta": [
            ("fixed", "sparsity", 0.1, 0),
        ],  # also smoothness, decay, orthogonality and volume, and blind
        "rank": [40],
        "n_iter": [60],
    }

    def factorize(self, V, given):
        rank, start = self.rank, "random"
        W = given.dictionary and given.dictionary.templates
        if W is not None:
            rank = W.shape[1]
            start = (W, np.full((rank, V.shape[1]), V.mean(), V.dtype))
        block, penalty = PENALTIES[self.penalty]
        scale = V.mean() ** (self.beta - (penalty is Sparsity))
        model = nmf(
            V,
            rank,
            beta=self.beta,
            init=start,
            update="mu-extrapolated",
            fixed=("templates",) if self.dictionary == "fixed" else (),
            penalties={block: penalty(float(self.weight * scale))},
            max_iter=self.n_iter,
            seed=given.seed,
        )
        model.labels = given.dictionary and given.dictionary.labels
        return model
