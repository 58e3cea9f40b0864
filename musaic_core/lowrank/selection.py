"""Choosing the rank: entries of the data are held out, and predicted by the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from musaic_core.lowrank.arrays import dtype_name, library_of, to_numpy
from musaic_core.lowrank.checks import check_beta, check_count
from musaic_core.lowrank.divergence import BetaDivergence
from musaic_core.lowrank.missing import observed
from musaic_core.lowrank.options import DEFAULTS

__all__ = ["CrossValidation", "cross_validate_rank", "held_out_divergence"]

Array = Any


@dataclass(eq=False)
class CrossValidation:
    """How well models of several ranks predict entries that they have not seen.

    Parameters
    ----------
    ranks : list
        As they were given.
    divergences : numpy array (number of ranks, number of folds)
        Mean β-divergence of the held-out entries from the model, for each rank and
        each fold that was held out.
    """

    ranks: list
    divergences: np.ndarray

    @property
    def best(self) -> Any:
        """The rank whose divergence, on average over the folds, is least."""
        return self.ranks[int(np.argmin(self.divergences.mean(1)))]


def cross_validate_rank(
    factorize: Callable[..., Any],
    V: Array,
    ranks: Sequence,
    *,
    n_folds: int = 5,
    background: float = 0.0,
    seed: int | None = None,
    **options: Any,
) -> CrossValidation:
    """Compare ranks by how well entries are predicted from the others.

    The entries of V that are not missing are shared out at random among the folds. For
    each rank and fold, the model is fitted to the other folds. More components always
    come closer to what they are fitted to, and predict worse as soon as they fit noise.

    Parameters
    ----------
    factorize : callable
        ``factorize(V, rank, **options)``, such as `musaic_core.lowrank.nmf`, `ncp` or
        `ntd`; of others, such as `convolutive_nmf`, with what else they need held by
        `functools.partial`.
    V : array
        As `factorize` takes it.
    ranks : sequence
        Ranks to compare, each as `factorize` takes one: whole numbers, or tuples.
    n_folds : int, default=5
        Folds, 2 or more; each entry is held out once.
    background : float, default=0.0
        As in `held_out_divergence`.
    seed : int, optional
        Of the folds and of the models' starts.
    **options : Options
        Passed on; see `musaic_core.lowrank.options.Options`. Of data with weights, the
        divergence of what is held out is weighted too.

    Returns
    -------
    CrossValidation
        The divergence for each rank and fold, and the best rank.

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.

    References
    ----------
    Wold, "Cross-validatory estimation of the number of components in factor and
    principal components models", Technometrics 20 (4), 1978. Owen and Perry,
    "Bi-cross-validation of the SVD and the nonnegative matrix factorization", The
    Annals of Applied Statistics 3 (2), 2009. Kanagal and Sindhwani, "Rank selection in
    low-rank matrix approximations: a study of cross-validation for NMFs", NIPS 2010
    Workshop on Low-rank Methods for Large-scale Machine Learning.

    Examples
    --------
    >>> import numpy as np
    >>> from musaic_core.lowrank import nmf
    >>> rng = np.random.default_rng(0)
    >>> V = rng.poisson(rng.gamma(0.5, 9, (60, 3)) @ rng.gamma(0.5, 9, (3, 50)))
    >>> cross_validate_rank(nmf, V, [1, 2, 3, 4, 5], seed=0).best
    3
    """
    ranks = list(ranks)
    if not ranks:
        raise ValueError("ranks is empty; give those to compare")
    check_count(n_folds, "n_folds", 2)
    _, weights, _ = _observed(V, options)
    there = np.ones(np.shape(V), bool) if weights is None else to_numpy(weights) > 0
    fold_of = np.full(there.shape, -1)
    n_entries = np.count_nonzero(there)
    if n_entries < n_folds:
        raise ValueError(f"n_folds is {n_folds}, and V has {n_entries} entries")
    order = np.random.default_rng(seed).permutation(n_entries)
    fold_of[there] = order % n_folds
    divergences = [
        [
            held_out_divergence(
                factorize, V, rank, fold_of == fold, background, seed=seed, **options
            )
            for fold in range(n_folds)
        ]
        for rank in ranks
    ]
    return CrossValidation(ranks, np.array(divergences))


def held_out_divergence(
    factorize: Callable[..., Any],
    V: Array,
    rank: Any,
    held_out: Array,
    background: float = 0.0,
    **options: Any,
) -> float:
    """Fit a model to a part of the data's entries and compare it with the others.

    Parameters
    ----------
    factorize : callable
        As in `cross_validate_rank`.
    V : array
        As `factorize` takes it.
    rank : int or sequence of int
        As `factorize` takes it.
    held_out : bool array of V's shape
        True where the model is not shown V, and compared with it.
    background : float, default=0.0
        A constant that is added to what the model predicts, as a share of V's mean. A
        model of few counts predicts entries of almost 0, and with β ≤ 1 a single count
        there outweighs all others; a background of some hundredths bounds what it
        costs.
    **options : Options
        Passed on; see `musaic_core.lowrank.options.Options`.

    Returns
    -------
    float
        β-divergence of those entries from the model, their mean, or their weighted
        mean where V has weights. As while fitting, a constant far below V's mean is
        added to the model, so that it is finite.

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.

    References
    ----------
    Wold, "Cross-validatory estimation of the number of components in factor and
    principal components models", Technometrics 20 (4), 1978.
    """
    filled, weights, mean = _observed(V, options)
    library = library_of(filled)
    if weights is None:
        weights = library.ones_like(filled)
    if tuple(np.shape(held_out)) != tuple(filled.shape):
        raise ValueError(
            f"held_out has shape {tuple(np.shape(held_out))}; give one of V's, "
            f"{tuple(filled.shape)}"
        )
    hidden = library.asarray(held_out) != 0
    if library is not np:
        hidden = hidden.to(filled.device)
    shown, tested = weights * ~hidden, weights * hidden
    if not bool((tested > 0).any()):
        raise ValueError("held_out has none of V's entries; give some that are True")
    given = {name: value for name, value in options.items() if name != "missing"}
    model = factorize(filled, rank, **given | {"data_weights": shown})
    if not background >= 0:
        raise ValueError(f"background is {background!r}; give a number, 0 or more")
    beta = check_beta(options.get("beta", DEFAULTS["beta"]))
    divergence = BetaDivergence.for_data(beta, mean, dtype_name(filled))
    Y = model.reconstruct() + divergence.floor + background * mean
    return divergence(filled, Y, tested) / float(tested.sum())


def _observed(V, options):
    return observed(V, options.get("data_weights"), options.get("missing"))
