"""How stable a factorization is from start to start, and so which rank suits data.

Where the rank is that of what made the data, runs from different starts agree on which
columns belong together; above and below it they split and merge as chance has it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.spatial.distance import squareform

from musaic_core.lowrank.arrays import dtype_name, is_sparse, to_numpy
from musaic_core.lowrank.checks import check_beta, check_count
from musaic_core.lowrank.divergence import BetaDivergence
from musaic_core.lowrank.kernels import kernels_for
from musaic_core.lowrank.matching import factor_match
from musaic_core.lowrank.missing import observed, observed_sparse
from musaic_core.lowrank.models import Model
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.options import DEFAULTS

__all__ = [
    "RankStability",
    "consensus_matrix",
    "cophenetic_correlation",
    "dispersion",
    "rank_stability",
]

Array = Any


def consensus_matrix(models: Sequence[Model | Array]) -> np.ndarray:
    """In which share of runs two columns of the data belong to one component.

    A column belongs to the component that is loudest in it.

    Parameters
    ----------
    models : sequence of Model, or of arrays (C, T)
        Runs on the same data; of an array, the largest entry of a column counts.

    Returns
    -------
    ndarray, shape (T, T)
        1 where all runs put two columns together, 0 where none does.

    Raises
    ------
    ValueError
        There is no run, their numbers of columns differ, or they are of batches.

    References
    ----------
    Brunet, Tamayo, Golub and Mesirov, "Metagenes and molecular pattern discovery using
    matrix factorization", PNAS 101 (12), 2004.
    """
    strengths = [m.loudness() if hasattr(m, "loudness") else m for m in models]
    if any(np.ndim(strength) != 2 for strength in strengths):
        raise ValueError(
            "models are of a batch of matrices; give runs on one matrix, or one tensor"
        )
    members = [np.argmax(to_numpy(strength), axis=0) for strength in strengths]
    if not members or len({len(labels) for labels in members}) > 1:
        raise ValueError("models are none, or differ in columns; give runs on one V")
    together = np.zeros((len(members[0]),) * 2)
    for labels in members:
        together += labels[:, None] == labels
    return together / len(members)


def cophenetic_correlation(consensus: np.ndarray) -> float:
    """How well a hierarchy of clusters describes a consensus matrix.

    Parameters
    ----------
    consensus : ndarray, shape (T, T)
        What `consensus_matrix` gives.

    Returns
    -------
    float
        The correlation of its distances, 1 - consensus, with those in the tree of
        average linkage: 1 where all runs agree.

    References
    ----------
    Brunet, Tamayo, Golub and Mesirov, PNAS 101 (12), 2004.
    """
    distances = squareform(1 - consensus, checks=False)
    if len(distances) == 0 or np.ptp(distances) == 0:
        return 1.0  # there is one cluster, or none: no two things to correlate
    tree = linkage(distances, "average")
    return float(cophenet(tree, distances)[0])


def dispersion(consensus: np.ndarray) -> float:
    """How decided a consensus matrix is: 1 where all entries are 0 or 1.

    Parameters
    ----------
    consensus : ndarray, shape (T, T)
        What `consensus_matrix` gives.

    Returns
    -------
    float
        The mean of ``4 (c - 1/2)²``, from 0 to 1.

    References
    ----------
    Kim and Park, "Sparse non-negative matrix factorizations via alternating
    non-negativity-constrained least squares for microarray data analysis",
    Bioinformatics 23 (12), 2007.
    """
    return float(np.mean(4 * (np.asarray(consensus) - 0.5) ** 2))


class RankStability(NamedTuple):
    """What runs of one rank have in common.

    Parameters
    ----------
    rank : int or tuple of int
        As it was given.
    divergence : float
        Of the data from the best run, weighted where the data is. As while fitting, a
        constant far below V's mean is added to the model, so that it is finite.
    cophenetic : float
        See `cophenetic_correlation`.
    dispersion : float
        See `dispersion`.
    match : float
        The mean `factor_match` over all pairs of runs.
    """

    rank: Any
    divergence: float
    cophenetic: float
    dispersion: float
    match: float


def rank_stability(
    V: Array,
    ranks: Sequence[Any],
    *,
    n_runs: int = 10,
    fit: Callable = nmf,
    seed: int | None = None,
    **options: Any,
) -> list[RankStability]:
    """Factorize from several starts for each rank, and say how much the runs agree.

    The rank to choose is the largest one before stability falls.

    Parameters
    ----------
    V : array
        The data, as `fit` takes it, but for a batch of matrices.
    ranks : sequence
        Ranks to try, as `fit` takes them.
    n_runs : int, default=10
        Runs a rank, two or more, from random starts.
    fit : callable, default=nmf
        ``fit(V, rank, seed=..., **options)`` gives a model of one kind each time.
    seed : int, optional
        Of the seeds of the runs.
    **options : dict
        What else `fit` takes, such as beta and max_iter.

    Returns
    -------
    list of RankStability
        One a rank, with the divergence of the best run.

    Raises
    ------
    ValueError
        There are fewer than two runs, or V is a batch.

    References
    ----------
    Brunet, Tamayo, Golub and Mesirov, PNAS 101 (12), 2004. Kim and Park,
    Bioinformatics 23 (12), 2007.

    Examples
    --------
    >>> import numpy as np
    >>> V = np.kron(np.eye(3), np.ones((8, 10)))
    >>> [tried.rank for tried in rank_stability(V, [2, 3], n_runs=3, seed=0)]
    [2, 3]
    """
    check_count(n_runs, "n_runs", 2)
    if fit is nmf and np.ndim(V) > 2:
        raise ValueError(
            f"V has {np.ndim(V)} axes and fit is nmf, so V is a batch: give one matrix "
            "at a time, or for a tensor fit=ncp or fit=ntd"
        )
    seeds = np.random.SeedSequence(seed).generate_state(n_runs).tolist()
    divergence_of = _divergence_from(V, options)
    found = []
    for rank in ranks:
        runs = [fit(V, rank, seed=s, **options) for s in seeds]
        together = consensus_matrix(runs)
        matches = [factor_match(a, b) for a, b in combinations(runs, 2)]
        found.append(
            RankStability(
                rank,
                min(divergence_of(run) for run in runs),
                cophenetic_correlation(together),
                dispersion(together),
                float(np.mean(matches)),
            )
        )
    return found


def _divergence_from(V, options):
    """The divergence of the data that is there from a model, as a function of it."""
    beta = check_beta(options.get("beta", DEFAULTS["beta"]))
    look = observed_sparse if is_sparse(V) else observed
    X, weights, mean = look(V, options.get("data_weights"), options.get("missing"))
    divergence = BetaDivergence.for_data(beta, mean, dtype_name(X))
    if is_sparse(X):
        kernels, X = kernels_for(X)
        return lambda model: float(
            kernels.loss(X, model.templates, model.activations, divergence, weights)
        )
    return lambda model: divergence(X, model.reconstruct() + divergence.floor, weights)
