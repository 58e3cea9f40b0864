"""Deep and shallow models of one array, fitted alike, and what each is worth.

Every model has four choices, of its ranks and of what else it leaves open. Entries held
out of the data that it is given decide among them, and the best of many starts goes on.
"""

from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from musaic_core.lowrank.deep.nmf import deep_nmf
from musaic_core.lowrank.deep.tensor import deep_ncp, deep_ntd
from musaic_core.lowrank.divergence import beta_divergence
from musaic_core.lowrank.matching import chance_match, factor_match
from musaic_core.lowrank.ncp import ncp
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.ntd import ntd
from musaic_core.lowrank.penalties import MinimumVolume
from musaic_core.lowrank.selection import cross_validate_rank
from musaic_core.tasks.factorization.task import METHODS, Data, Factorization

# What is added to all predictions, as a share of the data's mean: where counts are few,
# single ones at entries of almost 0 would decide otherwise.
BACKGROUND = 0.01
FEW, MANY = 10, 100  # iterations of each start, and of the best one after that
SELECTING = 30  # iterations of a fit that a choice is judged by
TOLERANCE = 1e-4  # of the objective in ten iterations
OTHERS = 5, 4  # ranks of the modes of an NTD that have no layers


class Candidate(NamedTuple):
    """A model that leaves something open.

    Parameters
    ----------
    factorize : callable
        ``factorize(V, choice, **options)`` gives a model; the options are those of
        `musaic_core.lowrank.options.Options`.
    choices : list
        What `factorize` is to be compared with.
    goes_on : bool, default=True
        Whether the best start is to be fitted until it hardly changes.
    """

    factorize: Callable[..., Any]
    choices: list
    goes_on: bool = True


def candidates(family: str) -> dict[str, Candidate]:
    """Models that are compared where the data is of a family.

    Parameters
    ----------
    family : {"nmf", "ncp", "ntd"}
        Of the deep models, and of the shallow one that stops early.

    Returns
    -------
    dict of str to Candidate
        By name: "nmf" and "minimum_volume", an NMF too, which are for a matrix or an
        unfolded tensor; for tensors "ncp" and "ntd"; "early_stopping", "deep_layers"
        and "deep_data".
    """
    shallow = METHODS[family]

    def size(rank):
        return (rank, *OTHERS) if family == "ntd" else rank

    def small_volume(V, choice, **options):
        rank, weight = choice
        penalties = {"templates": MinimumVolume(weight)}
        return nmf(V, rank, penalties=penalties, **options)

    def stopped(V, choice, **options):
        rank, n_iter = choice
        return shallow(V, size(rank), **options | {"update": "mu", "max_iter": n_iter})

    def deep(loss):
        def factorize(V, ranks, *, max_iter, init="random", **options):
            if isinstance(init, str):
                max_iter //= 2  # half for the layers one by one, half for them all
                options["start_iter"] = max_iter
            options |= {"loss": loss, "max_iter": max_iter, "init": init}
            if family == "nmf":
                return deep_nmf(V, ranks, **options)
            fit = deep_ncp if family == "ncp" else deep_ntd
            return fit(V, size(ranks[0]), {0: ranks[1:]}, **options)

        return Candidate(factorize, [(5, 2), (8, 3), (8, 5), (8, 5, 3)])

    low = 5 if family == "ncp" else 3
    found = {"nmf": Candidate(nmf, [2, 3, 5, 8])}
    if family != "nmf":
        found["ncp"] = Candidate(ncp, [3, 5, 8, 10])
        found["ntd"] = Candidate(ntd, [(3, 5, 4), (3, 8, 8), (8, 5, 4), (8, 8, 8)])
    return found | {
        "minimum_volume": Candidate(small_volume, [*product((3, 8), (3, 30))]),
        "early_stopping": Candidate(stopped, [*product((low, 8), (20, 40))], False),
        "deep_layers": deep("layers"),
        "deep_data": deep("data"),
    }


def fit_chosen(
    candidate: Candidate, V: np.ndarray, *, n_starts: int = 20, seed: int = 0
) -> tuple[Any, Any]:
    """Choose by entries held out, fit from many starts, and go on from the best.

    Parameters
    ----------
    candidate : Candidate
    V : ndarray
        The data, NaN where an entry is missing.
    n_starts : int, default=20
        The best is that of the lowest objective.
    seed : int, default=0
        Of what is held out, and of the starts.

    Returns
    -------
    model : Model
    choice : object
        The one of `candidate.choices` that predicts best what it was not fitted to, in
        three folds.
    """
    factorize, choices, goes_on = candidate
    how = {"missing": "nan", "update": "mu-extrapolated", "seed": seed}
    compared = cross_validate_rank(
        factorize,
        V,
        choices,
        n_folds=3,
        background=BACKGROUND,
        max_iter=SELECTING,
        **how,
    )
    choice = compared.best
    model = factorize(V, choice, n_starts=n_starts, max_iter=FEW, **how)
    if goes_on:
        how |= {"max_iter": MANY, "tol": TOLERANCE}
        model = factorize(V, choice, init=model, **how)
    return model, choice


def prediction_loss(data: Data, approximation: np.ndarray, beta: float) -> float:
    """How badly a model predicts the entries that it was not shown.

    For β = 1 and counts it is, but for a constant, the mean negative logarithm of
    their Poisson likelihood.

    Parameters
    ----------
    data : Data
        All of it.
    approximation : ndarray of V's shape
        The model's.
    beta : float
        Of the β-divergence.

    Returns
    -------
    float
        Mean β-divergence of the entries held out. `BACKGROUND` times the mean of those
        shown is added to the approximation.
    """
    hidden = data.held_out
    background = BACKGROUND * data.V[~hidden].mean(dtype=np.float64)
    loss = beta_divergence(data.V[hidden], approximation[hidden] + background, beta)
    return loss / np.count_nonzero(hidden)


def compare_depths(
    truth: Factorization, model: Any, n_draws: int = 20
) -> dict[str, float]:
    """How well a model shows what the data was made of, at the true depths.

    Parameters
    ----------
    truth : DeepNMF, DeepNCP or DeepNTD
        With one level, of which there is no coarse one, or with several.
    model : Model
        Deep or not. Of its levels, the one counts that matches best.
    n_draws : int, default=20
        Of what the chance levels are means of.

    Returns
    -------
    dict of str to float
        ``fine_match``
        and ``coarse_match``: `factor_match` of the spectra of the finest and of the
        coarsest level. ``fine_chance``: that of random mixtures of the model's
        coarsest spectra. ``coarse_chance``: that of the spectra with their entries
        shuffled.
    """
    spectra = [[level.templates] for level in getattr(model, "layers", [model])]
    fine = [truth.layers[0].templates]
    scores = {
        "fine_match": max(factor_match(fine, level) for level in spectra),
        "fine_chance": chance_match(fine, spectra[-1], "mixed", n_draws, 0).mean,
    }
    if len(truth.layers) > 1:
        coarse = [truth.layers[-1].templates]
        best = max(spectra, key=lambda level: factor_match(coarse, level))
        scores |= {
            "coarse_match": factor_match(coarse, best),
            "coarse_chance": chance_match(coarse, best, "permuted", n_draws, 0).mean,
        }
    return scores
