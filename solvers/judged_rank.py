"""NMF of a rank, with what the data says for and against that rank."""

from musaic_core.benchmark.choice import runs_all
from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.selection import cross_validate_rank
from musaic_core.lowrank.stability import rank_stability


class Solver(LowRankSolver):
    """V ≈ W H of one rank, which is judged by prediction and by stability.

    Each of `n_folds` folds of V's entries is predicted from the others: models of too
    many components fit noise and predict worse. Runs from `n_starts` starts agree on
    which columns belong together where the rank is that of what made the data. What is
    found are the columns ``cross_validation``, ``dispersion`` and ``cophenetic``. A run
    of all datasets leaves it out, as a model is fitted ten times over.

    Wold 1978; Owen and Perry 2009; Brunet et al. 2004; Kim and Park 2007.
    """

    name = "judged_rank"
    answers = "factors"
    parameters = {
        "rank": [] if runs_all("dataset") else [5, 10, 20, 40, 80],
        "beta": [1],
        "n_folds": [3],
        "n_starts": [6],
        "n_iter": [100],
    }

    def factorize(self, V, given):
        how = {"beta": self.beta, "max_iter": self.n_iter, "seed": given.seed}
        how["update"] = "mu-extrapolated"
        model = nmf(V, self.rank, **how)
        folds = {"n_folds": self.n_folds, "background": 0.01}
        predicted = cross_validate_rank(nmf, V, [self.rank], **folds, **how)
        (runs,) = rank_stability(V, [self.rank], n_runs=self.n_starts, **how)
        model.rank_scores = {
            "cross_validation": predicted.divergences.mean(),
            "dispersion": runs.dispersion,
            "cophenetic": runs.cophenetic,
        }
        return model
