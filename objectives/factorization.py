"""Nonnegative factorization: divergence against time."""

import numpy as np

from musaic_core.benchmark.plugins import Objective as BaseObjective
from musaic_core.lowrank.divergence import beta_divergence
from musaic_core.tasks.factorization.task import Approximation, factor_match


class Objective(BaseObjective):
    """How close a model comes to nonnegative data, and how fast.

    The score to rank by is the β-divergence of the data from the model, summed over
    all entries in float64; lower is better. Algorithms start from the same factors;
    they stop after 100 iterations, or after the first run that takes half a second.
    Models of the music tasks, which choose their own rank and start, are a point
    each. ``factor_match`` is 1 where the factors are those that the data was made
    from (Acar et al. 2011).
    """

    name = "Nonnegative factorization"
    url = "../../factorization"  # the reports link it: the folder they lie in
    parameters = {"beta": [1, 2], "model": ["nmf", "ncp", "ntd"]}

    def skip(self, missing=None, ranks=None, **data):
        if missing is not None:
            return True, missing
        if self.model not in ranks:
            return True, f"the data is for {' and '.join(ranks)}"
        return False, None

    def set_data(self, name, V, ranks, truth=None, recordings=()):
        self.task = Approximation(
            name,
            V,
            self.model,
            ranks[self.model],
            self.beta,
            seed=self.get_seed(),
            truth=truth,
            recordings=list(recordings),
        )

    def evaluate_result(self, estimates, peak_memory_mb=np.nan):
        task, estimate = self.task, estimates[self.task.name]
        row = {
            "track": task.name,
            "value": np.nan,
            "divergence": np.nan,
            "relative_error": np.nan,
            "factor_match": np.nan,
            "n_parameters": estimate.n_parameters,
            "peak_memory_mb": peak_memory_mb,
            "error": estimate.error,
        }
        if estimate.error:
            return row
        model = estimate.answer
        approximation = np.asarray(model.reconstruct(), np.float64).reshape(
            task.V.shape
        )
        error = np.linalg.norm(task.V - approximation) / np.linalg.norm(task.V)
        divergence = beta_divergence(task.V, approximation, task.beta)
        row |= {"value": divergence, "divergence": divergence, "relative_error": error}
        if type(model) is type(task.truth):
            row["factor_match"] = factor_match(task.truth, model)
        return row

    def get_one_result(self):
        return {"estimates": self.task.minimise(None, 0)}
