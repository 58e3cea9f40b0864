"""Separable nonnegative matrix factorization."""

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.structured.columns import separable_nmf


class Solver(LowRankSolver):
    """V ≈ V[:, J] H: templates are columns of the recording that span the others.

    They are those of its components where each sounds alone somewhere. No start is
    drawn for them: they are chosen by successive projections, and the activations are a
    regression on them. There are `rank` at most: a second of music may have fewer.

    Araújo et al. 2001; Gillis and Vavasis 2014.
    """

    name = "separable_nmf"
    parameters = {"method": ["spa"], "beta": [1], "rank": [40], "n_iter": [50]}

    def factorize(self, V, given):
        return separable_nmf(
            V,
            self.rank,
            method=self.method,
            beta=self.beta,
            update="mu-extrapolated",
            max_iter=self.n_iter,
            seed=given.seed,
        )
