"""Deep nonnegative matrix factorization with penalties."""

import numpy as np

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.deep.nmf import deep_nmf
from musaic_core.lowrank.deep.start import layer_ranks
from musaic_core.lowrank.harmonicity import Harmonicity, harmonic_combs
from musaic_core.lowrank.penalties import MinimumVolume, Sparsity


class Solver(LowRankSolver):
    """V ≈ W H with W ≈ W₂ A₂ and so on, and W harmonic, of small volume, or H sparse.

    ``sparsity`` where few templates sound at once, ``harmonicity`` where templates are
    to be notes, with partials at multiples of a fundamental, ``volume`` for templates
    that just enclose the data: each is the weight of its penalty, and they add up.
    Sparsity is in units of the data's mean; with a weight of 1, a template that is not
    harmonic, or whose logarithmic volume is 1, costs as much as a divergence of the
    mean in all of its share of V's entries. There are `depth` layers, 1 to 4, of
    `rank` templates to `coarse` ones.

    Leplat, Hien, Onwunta and Gillis 2024 (layers); Le Roux, Weninger and Hershey 2015;
    Vincent, Bertin and Badeau 2010; Leplat, Gillis and Ang 2020 (penalties).
    """

    name = "penalised_deep_nmf"
    parameters = {
        "sparsity, harmonicity, volume": [
            (0.03, 0, 0)
        ],  # or (0, 0.03, 0), (0, 0, 0.001)
        "depth": [2],
        "rank, coarse": [(40, 30)],
        "beta": [1],
        "n_iter": [25],
    }

    @classmethod
    def misfit_of(cls, parameters, task):
        if parameters["harmonicity"] and task.frequencies is None:
            return "templates have no frequencies to be harmonic at"

    def factorize(self, V, given):
        mean = float(V.mean())
        share = V.size * mean**self.beta / self.rank
        templates = [MinimumVolume(self.volume * share)]
        if self.harmonicity:
            combs = harmonic_combs(given.frequencies, PIANO)
            templates.append(Harmonicity(self.harmonicity * share, combs))
        return deep_nmf(
            V,
            layer_ranks(self.rank, self.coarse, self.depth),
            beta=self.beta,
            penalties={
                "activations": Sparsity(self.sparsity * mean ** (self.beta - 1)),
                "templates": templates,
            },
            start_iter=self.n_iter,
            update="mu-extrapolated",
            max_iter=self.n_iter,
            seed=given.seed,
        )


PIANO = 27.5 * 2 ** (np.arange(88) / 12)  # Hz, of its keys
