"""Deep and shallow models whose ranks are chosen by entries held out."""

from musaic_core.benchmark.choice import chosen, runs_all
from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.arrays import unfold
from musaic_core.tasks.factorization.depth import candidates, fit_chosen

LEFT_OUT = runs_all("solver") and "hierarchical" not in str(chosen("dataset"))


class Solver(LowRankSolver):
    """What predicts entries of data that it was not shown, with nothing known of it.

    Each `model` has four choices of its ranks, and of what else it leaves open: the
    weight of its penalty, or when to stop. Three folds of the entries that it is shown
    decide. It is then fitted from `n_starts` starts, of which the best goes on. The
    shallow ones are an ``nmf`` of the unfolded tensor, one of minimum volume, an
    ``ncp``, an ``ntd``, and one of the data's kind that stops early; the deep ones have
    layers below the spectra, with either of the losses of
    docs/deep_tensor_factorizations.md. A run of all solvers has them where
    `hierarchical` is chosen, the one corpus with entries held out.
    """

    name = "chosen_rank"
    answers = "factors"
    predicts = True
    axes = ((None, None, None), (None, None))
    parameters = {
        "model": [] if LEFT_OUT else [*candidates("ncp")],
        "n_starts": [20],
    }
    beta = 1

    def misfit(self, task):
        if not task.holds_out:
            return "no entries are held out"
        if self.model not in candidates(task.model):
            return f"a matrix has no {self.model}"

    def factorize(self, V, given):
        candidate = candidates(self.task.model)[self.model]
        if self.model in ("nmf", "minimum_volume"):
            V = unfold(V, 0)
        model, _ = fit_chosen(candidate, V, n_starts=self.n_starts, seed=given.seed)
        return model
