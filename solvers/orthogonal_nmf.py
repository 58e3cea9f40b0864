"""Orthogonal nonnegative matrix factorization."""

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.structured.orthogonal import orthogonal_nmf


class Solver(LowRankSolver):
    """V ≈ W H with one template a column: clustering, whatever the loudness.

    Ding, Li, Peng and Park 2006; Pompili, Gillis, Absil and Glineur 2014.
    """

    name = "orthogonal_nmf"
    parameters = {"beta": [1], "rank": [40], "n_iter": [30]}

    @classmethod
    def misfit_of(cls, parameters, task):
        if task.learns_dictionary:
            return "one template sounds at a time; what sounds together is to be parted"

    def factorize(self, V, given):
        return orthogonal_nmf(
            V, self.rank, beta=self.beta, max_iter=self.n_iter, seed=given.seed
        )
