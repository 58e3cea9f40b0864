"""NMF, NCP and NTD as estimators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from musaic_core.lowrank.estimators.base import BatchEstimator
from musaic_core.lowrank.ncp import ncp
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.ntd import ntd

__all__ = ["NCPEstimator", "NMFEstimator", "NTDEstimator", "ranks_by_mode"]


class NMFEstimator(BatchEstimator):
    """Nonnegative matrix factorization, ``X ≈ codes @ components_``.

    Parameters
    ----------
    rank : int, default=8
        Number of components.
    beta : float, default=1.0
        Of the β-divergence: 2 Euclidean, 1 Kullback-Leibler, 0 Itakura-Saito, any
        other real number. Sparse X is for 1 and 2.
    update : str or callable, default="mu"
        As in `musaic_core.lowrank.options.Options`.
    init : {"random", "nndsvd", "data"}, default="random"
        Where the components start.
    penalties : dict of {"templates", "activations"} to Penalty, optional
        On the components and on the codes, as in `musaic_core.lowrank.nmf`; those on
        the codes are minded by `transform` too.
    max_iter : int, default=200
        Iterations of `fit` at most.
    tol : float, default=1e-4
        `fit` stops when the objective changes by less than `tol` times its start in ten
        iterations.
    random_state : int, RandomState or None, default=None
        Of the start.
    transform_max_iter : int, default=200
        Multiplicative updates for the codes of samples; they never raise the objective.

    Attributes
    ----------
    components_ : ndarray (n_components, n_features)
        One a row.
    model_ : musaic_core.lowrank.NMF
        Of the transpose of the X that was fitted.
    n_iter_ : int
        Iterations that `fit` took.
    reconstruction_err_ : float
        The divergence of that X from the model, summed over entries.
    n_features_in_ : int
        Columns of that X.
    feature_names_in_ : ndarray of str
        Their names, where X was a data frame.

    See Also
    --------
    musaic_core.lowrank.nmf : The function, with masks, fixed factors and more.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data
    >>> estimator = NMFEstimator(rank=16, random_state=0).fit(X[:1000])
    >>> estimator.components_.shape, estimator.transform(X[1000:]).shape
    ((16, 64), (797, 16))
    """

    _takes_tensors = False
    _takes_sparse = True

    def __init__(
        self,
        rank: int = 8,
        *,
        beta: float = 1.0,
        update: Any = "mu",
        init: str = "random",
        penalties: Mapping | None = None,
        max_iter: int = 200,
        tol: float = 1e-4,
        random_state: Any = None,
        transform_max_iter: int = 200,
    ) -> None:
        self.rank = rank
        self.beta = beta
        self.update = update
        self.init = init
        self.penalties = penalties
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.transform_max_iter = transform_max_iter

    def _factorize(self, V):
        return nmf(V, self.rank, penalties=self.penalties, **self._options())

    def _penalties(self):
        given = (self.penalties or {}).get("activations")
        return None if given is None else {"activations": given}


class NCPEstimator(BatchEstimator):
    """Nonnegative CP decomposition of samples that are matrices or tensors.

    Parameters
    ----------
    rank : int, default=8
        Number of components, each a rank-one pattern.
    beta : float, default=1.0
        Of the β-divergence; any real number.
    update : str or callable, default="mu"
        As in `musaic_core.lowrank.options.Options`.
    init : {"random", "nndsvd", "data"}, default="random"
        Where the factors start.
    max_iter : int, default=200
        Iterations of `fit` at most.
    tol : float, default=1e-4
        `fit` stops when the objective changes by less than `tol` times its start in ten
        iterations.
    random_state : int, RandomState or None, default=None
        Of the start.
    transform_max_iter : int, default=200
        Multiplicative updates for the codes of samples; they never raise the objective.

    Attributes
    ----------
    components_ : ndarray (n_components, I_1, ...)
        The patterns.
    model_ : musaic_core.lowrank.NCP
        Of X with its first axis last.
    n_iter_ : int
        Iterations that `fit` took.
    reconstruction_err_ : float
        The divergence of that X from the model, summed over entries.
    n_features_in_ : int
        Size of the second axis of that X.

    See Also
    --------
    musaic_core.lowrank.ncp : The function, with masks, fixed factors and more.
    """

    def __init__(
        self,
        rank: int = 8,
        *,
        beta: float = 1.0,
        update: Any = "mu",
        init: str = "random",
        max_iter: int = 200,
        tol: float = 1e-4,
        random_state: Any = None,
        transform_max_iter: int = 200,
    ) -> None:
        self.rank = rank
        self.beta = beta
        self.update = update
        self.init = init
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.transform_max_iter = transform_max_iter

    def _factorize(self, V):
        return ncp(V, self.rank, **self._options())


class NTDEstimator(BatchEstimator):
    """Nonnegative Tucker decomposition of samples that are matrices or tensors.

    Parameters
    ----------
    ranks : int or sequence of int, default=8
        One an axis of X: the first is the number of components. A single number is for
        all of them.
    beta : float, default=1.0
        Of the β-divergence; any real number.
    update : str or callable, default="mu"
        As in `musaic_core.lowrank.options.Options`.
    init : {"random", "nndsvd", "data"}, default="random"
        Where the factors start.
    max_iter : int, default=200
        Iterations of `fit` at most.
    tol : float, default=1e-4
        `fit` stops when the objective changes by less than `tol` times its start in ten
        iterations.
    random_state : int, RandomState or None, default=None
        Of the start.
    transform_max_iter : int, default=200
        Multiplicative updates for the codes of samples; they never raise the objective.

    Attributes
    ----------
    components_ : ndarray (n_components, I_1, ...)
        The slices of the core, each with the factors of the other modes.
    model_ : musaic_core.lowrank.NTD
        Of X with its first axis last.
    n_iter_ : int
        Iterations that `fit` took.
    reconstruction_err_ : float
        The divergence of that X from the model, summed over entries.
    n_features_in_ : int
        Size of the second axis of that X.

    See Also
    --------
    musaic_core.lowrank.ntd : The function, with masks, fixed factors and more.
    """

    def __init__(
        self,
        ranks: int | Sequence[int] = 8,
        *,
        beta: float = 1.0,
        update: Any = "mu",
        init: str = "random",
        max_iter: int = 200,
        tol: float = 1e-4,
        random_state: Any = None,
        transform_max_iter: int = 200,
    ) -> None:
        self.ranks = ranks
        self.beta = beta
        self.update = update
        self.init = init
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.transform_max_iter = transform_max_iter

    def _factorize(self, V):
        return ntd(V, ranks_by_mode(self.ranks, V.ndim), **self._options())


def ranks_by_mode(ranks: int | Sequence[int], n_axes: int) -> list[int]:
    """Ranks by V's modes, of those by X's axes: the first is the last mode's."""
    if np.ndim(ranks) == 0:
        return [ranks] * n_axes
    if len(ranks) != n_axes:
        raise ValueError(
            f"ranks is {ranks!r} and X has {n_axes} axes; give a rank an axis, or one "
            "number for all"
        )
    return [*ranks[1:], ranks[0]]
