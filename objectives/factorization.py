"""Nonnegative factorization: divergence against time."""

import numpy as np

from musaic_core.benchmark.choice import asked_values
from musaic_core.benchmark.objective import Objective as BaseObjective
from musaic_core.lowrank.divergence import beta_divergence
from musaic_core.lowrank.matching import factor_match
from musaic_core.tasks.factorization.depth import compare_depths, prediction_loss
from musaic_core.tasks.factorization.task import Approximation, Data


class Objective(BaseObjective):
    """How close a model comes to nonnegative data, and how fast.

    The score to rank by is the β-divergence of the data from the model, summed over
    all entries in float64; lower is better. Algorithms start from the same factors;
    they stop after 100 iterations, or after the first run that takes half a second.
    Models of the music tasks, which choose their own rank and start, are a point
    each; ``n_components`` is that rank. ``factor_match`` is 1 where the factors are
    those that the data was made from (Acar et al. 2011). How the data judges a rank,
    where a solver asks it, is in ``cross_validation``, the mean divergence of entries
    predicted from the others, and in ``dispersion`` and ``cophenetic``, which are 1
    where runs from several starts agree.

    Where entries are held out, models are ranked by how well they predict these:
    ``held_out`` is their mean divergence from the model. Where the data was made of
    levels of spectra, ``fine_match`` and ``coarse_match`` say how well those of the
    finest and of the coarsest are found, and ``fine_chance`` and ``coarse_chance``
    what is found without looking.
    """

    name = "Nonnegative factorization"
    title = "Factorization"
    url = "../../factorization"  # the reports link it: the folder they lie in
    task_class = Approximation
    score_columns = ("divergence", "relative_error", "factor_match")
    lower_is_better = True
    parameters = {"beta": [1], "model": ["nmf", "ncp", "ntd"]}

    @classmethod
    def asks_for(cls, parameters):
        return parameters.get("beta", 1) in asked_values("beta")

    def skip(self, missing=None, ranks=None, **data):
        if missing is not None:
            return True, missing
        if self.model not in ranks:
            return True, f"the data is for {' and '.join(ranks)}"
        return False, None

    def set_data(self, name=None, V=None, ranks=None, truth=None, draws=None, **other):
        draws = draws or [Data(name, V, truth)]
        self.references = {draw.id: draw for draw in draws}
        self.folders = dict.fromkeys(self.references, "data")
        how = {"beta": self.beta, "seed": self.seed}
        self.task = Approximation(draws, self.model, ranks[self.model], **how)

    def score(self, data, model):
        V, truth, held_out = data.V, data.truth, data.held_out
        approximation = np.asarray(model.reconstruct(), np.float64).reshape(V.shape)
        fitted = None if held_out is None else ~held_out
        divergence = beta_divergence(V, approximation, self.task.beta, fitted)
        matches = isinstance(model, type(truth))
        scores = {
            "value": divergence,
            "divergence": divergence,
            "relative_error": relative_error(V, approximation),
            "factor_match": factor_match(truth, model) if matches else np.nan,
            "n_components": model.templates.shape[-1],
        }
        scores |= getattr(model, "rank_scores", {})
        if held_out is not None:
            loss = prediction_loss(data, approximation, self.task.beta)
            scores |= {"value": loss, "held_out": loss}
        if hasattr(truth, "layers"):
            mean = np.asarray(truth.reconstruct(), np.float64)
            scores["error_of_mean"] = relative_error(mean, approximation)
            scores["held_out_by_truth"] = prediction_loss(data, mean, self.task.beta)
            scores |= compare_depths(truth, model)
        return scores

    def get_one_result(self):
        return {"estimates": self.task.minimise(None, 0)}


def relative_error(X, approximation):
    """Of arrays of one shape, in the ℓ2 norm."""
    return np.linalg.norm(X - approximation) / np.linalg.norm(X)
