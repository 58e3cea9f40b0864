"""Convex nonnegative matrix factorization."""

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.structured.columns import convex_nmf


class Solver(LowRankSolver):
    """V ≈ V G H: templates are mixtures of the recording's own columns.

    So they look like what can be heard in it, and are close to the means of clusters.

    Ding, Li and Jordan 2010.
    """

    name = "convex_nmf"
    parameters = {"beta": [1], "rank": [40], "n_iter": [100]}

    @classmethod
    def misfit_of(cls, parameters, task):
        if task.learns_dictionary:
            return "its templates are means of frames, in which notes sound together"

    def factorize(self, V, given):
        return convex_nmf(
            V,
            self.rank,
            beta=self.beta,
            update="mu-extrapolated",
            max_iter=self.n_iter,
            seed=given.seed,
        )
