"""Simulated data with known factors."""

import benchopt
import numpy as np

from musaic_core.tasks.factorization.task import assemble


class Dataset(benchopt.BaseDataset):
    """A product of sparse random factors, with a little noise.

    ``model`` is what the data is made of: a matrix for ``nmf``, a tensor for ``ncp``
    and ``ntd``.
    """

    name = "simulated"
    parameters = {"model": ["nmf", "ncp", "ntd"], "noise": [0.01]}
    test_config = {"model": "nmf"}
    requirements = []

    def get_data(self):
        rng = np.random.default_rng(self.get_seed(use_repetition=True))
        shape, ranks = (80, 96, 40), (8, 6, 5)
        if self.model == "nmf":
            shapes, ranks = [(120, 10), (10, 400)], 10
        elif self.model == "ncp":
            shapes, ranks = [(size, 8) for size in shape], 8
        else:
            shapes = [*zip(shape, ranks, strict=True), ranks]
        factors = [
            rng.exponential(size=size) * (rng.random(size) < 0.4) for size in shapes
        ]
        truth = assemble(self.model, factors)
        V = truth.reconstruct()
        V = V + self.noise * V.mean() * rng.exponential(size=V.shape)
        return {
            "name": f"simulated {self.model}",
            "V": V.astype(np.float32),
            "ranks": {self.model: ranks},
            "truth": truth,
        }
