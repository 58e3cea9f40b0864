"""Nonnegative matrix factorization that finds its rank."""

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.ard import ard_nmf


class Solver(LowRankSolver):
    """V ≈ W H with as many templates as a recording asks for, `rank` at most.

    Each template and its activations share a scale, its relevance, which is found with
    them: those that the fit gains too little by vanish (automatic relevance
    determination). How many are left is in the column ``n_parameters`` of every task,
    which is of these alone, and in ``n_components`` of the factorization task.

    Tan and Févotte 2013.
    """

    name = "ard_nmf"
    parameters = {"prior": ["l1"], "beta": [1], "rank": [80], "n_iter": [100]}

    def factorize(self, V, given):
        return ard_nmf(
            V,
            self.rank,
            prior=self.prior,
            beta=self.beta,
            update="mu-extrapolated",
            start_iter=50,
            max_iter=self.n_iter,
            seed=given.seed,
        )
