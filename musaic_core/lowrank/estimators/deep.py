"""Deep NMF, NCP and NTD as estimators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from musaic_core.lowrank.deep.nmf import deep_nmf
from musaic_core.lowrank.deep.tensor import deep_ncp, deep_ntd
from musaic_core.lowrank.estimators.base import BatchEstimator, axes_to_modes
from musaic_core.lowrank.estimators.batch import ranks_by_mode

__all__ = ["DeepNCPEstimator", "DeepNMFEstimator", "DeepNTDEstimator"]


class DeepNMFEstimator(BatchEstimator):
    """Deep NMF: components that are themselves made of fewer ones.

    Parameters
    ----------
    ranks : sequence of int, default=(8, 4)
        Components of each layer, the finest first.
    loss : {"layers", "data"}, default="layers"
        As in `musaic_core.lowrank.deep_nmf`, and so for the next.
    weights : sequence of float, optional
        ρ of each layer below the first.
    beta : float, default=1.0
        Of the β-divergence; any real number. Sparse X is for 1 and 2.
    update : {"mu", "mu-extrapolated"}, default="mu"
        As in `musaic_core.lowrank.options.Options`.
    init : {"random", "nndsvd", "data"}, default="random"
        Where the layers start.
    start_iter : int, default=50
        Iterations for the start of each layer.
    max_iter : int, default=200
        Iterations of all layers together at most.
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
        Those of the finest layer.
    model_ : musaic_core.lowrank.DeepNMF
        Of the transpose of the X that was fitted; `model_.layers` are those below.
    n_iter_ : int
        Iterations that `fit` took, those of the start left out.
    reconstruction_err_ : float
        The divergence of that X from the finest layer, summed over entries.
    n_features_in_ : int
        Columns of that X.
    feature_names_in_ : ndarray of str
        Their names, where X was a data frame.

    See Also
    --------
    musaic_core.lowrank.deep_nmf : The function, with masks, fixed factors and more.
    """

    _takes_tensors = False
    _takes_sparse = True

    def __init__(
        self,
        ranks: Sequence[int] = (8, 4),
        *,
        loss: str = "layers",
        weights: Sequence[float] | None = None,
        beta: float = 1.0,
        update: Any = "mu",
        init: str = "random",
        start_iter: int = 50,
        max_iter: int = 200,
        tol: float = 1e-4,
        random_state: Any = None,
        transform_max_iter: int = 200,
    ) -> None:
        self.ranks = ranks
        self.loss = loss
        self.weights = weights
        self.beta = beta
        self.update = update
        self.init = init
        self.start_iter = start_iter
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.transform_max_iter = transform_max_iter

    def _factorize(self, V):
        return deep_nmf(
            V,
            self.ranks,
            loss=self.loss,
            weights=self.weights,
            start_iter=self.start_iter,
            **self._options(),
        )


class DeepNCPEstimator(BatchEstimator):
    """Deep NCP: patterns whose factors are themselves made of fewer ones.

    Parameters
    ----------
    rank : int, default=8
        Number of components, each a rank-one pattern.
    layers : dict of int to sequence of int, optional
        Ranks of the layers below the factor of an axis of X, the upper one first. By
        default there is one below the second axis, the first of the features', of half
        the rank.
    loss : {"layers", "data"}, default="layers"
        As in `musaic_core.lowrank.deep_ncp`.
    weights : dict of int to sequence of float, optional
        ρ of the layers below each axis.
    beta : float, default=1.0
        Of the β-divergence; any real number.
    update : {"mu", "mu-extrapolated"}, default="mu"
        As in `musaic_core.lowrank.options.Options`.
    init : {"random", "nndsvd", "data"}, default="random"
        Where the layers start.
    start_iter : int, default=50
        Iterations for the start of each layer.
    max_iter : int, default=200
        Iterations of all layers together at most.
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
    model_ : musaic_core.lowrank.DeepNCP
        Of X with its first axis last; its `below` has the layers.
    n_iter_ : int
        Iterations that `fit` took, those of the start left out.
    reconstruction_err_ : float
        The divergence of that X from the upper layer, summed over entries.
    n_features_in_ : int
        Size of the second axis of that X.

    See Also
    --------
    musaic_core.lowrank.deep_ncp : The function, with masks, fixed factors and more.
    """

    def __init__(
        self,
        rank: int = 8,
        layers: Mapping[int, Sequence[int]] | None = None,
        *,
        loss: str = "layers",
        weights: Mapping[int, Sequence[float]] | None = None,
        beta: float = 1.0,
        update: Any = "mu",
        init: str = "random",
        start_iter: int = 50,
        max_iter: int = 200,
        tol: float = 1e-4,
        random_state: Any = None,
        transform_max_iter: int = 200,
    ) -> None:
        self.rank = rank
        self.layers = layers
        self.loss = loss
        self.weights = weights
        self.beta = beta
        self.update = update
        self.init = init
        self.start_iter = start_iter
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.transform_max_iter = transform_max_iter

    def _factorize(self, V):
        layers = self.layers or {1: (max(1, self.rank // 2),)}
        return deep_ncp(
            V,
            self.rank,
            axes_to_modes(layers, V.ndim),
            loss=self.loss,
            weights=axes_to_modes(self.weights, V.ndim),
            start_iter=self.start_iter,
            **self._options(),
        )


class DeepNTDEstimator(BatchEstimator):
    """Deep NTD: a Tucker decomposition with layers below factors or core.

    Parameters
    ----------
    ranks : int or sequence of int, default=8
        One an axis of X: the first is the number of components. A single number is for
        all of them.
    layers : dict of int or "core" to sequence of int, optional
        Ranks of the layers below the factor of an axis of X, or below the core, the
        upper one first. By default there is one below the second axis, the first of the
        features', of half its rank.
    loss : {"layers", "data"}, default="layers"
        As in `musaic_core.lowrank.deep_ntd`.
    weights : dict of int or "core" to sequence of float, optional
        ρ of the layers below each axis or the core.
    beta : float, default=1.0
        Of the β-divergence; any real number.
    update : {"mu", "mu-extrapolated"}, default="mu"
        As in `musaic_core.lowrank.options.Options`.
    init : {"random", "nndsvd", "data"}, default="random"
        Where the layers start.
    start_iter : int, default=50
        Iterations for the start of each layer.
    max_iter : int, default=200
        Iterations of all layers together at most.
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
    model_ : musaic_core.lowrank.DeepNTD
        Of X with its first axis last; its `below` has the layers.
    n_iter_ : int
        Iterations that `fit` took, those of the start left out.
    reconstruction_err_ : float
        The divergence of that X from the upper layer, summed over entries.
    n_features_in_ : int
        Size of the second axis of that X.

    See Also
    --------
    musaic_core.lowrank.deep_ntd : The function, with masks, fixed factors and more.
    """

    def __init__(
        self,
        ranks: int | Sequence[int] = 8,
        layers: Mapping[int | str, Sequence[int]] | None = None,
        *,
        loss: str = "layers",
        weights: Mapping[int | str, Sequence[float]] | None = None,
        beta: float = 1.0,
        update: Any = "mu",
        init: str = "random",
        start_iter: int = 50,
        max_iter: int = 200,
        tol: float = 1e-4,
        random_state: Any = None,
        transform_max_iter: int = 200,
    ) -> None:
        self.ranks = ranks
        self.layers = layers
        self.loss = loss
        self.weights = weights
        self.beta = beta
        self.update = update
        self.init = init
        self.start_iter = start_iter
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.transform_max_iter = transform_max_iter

    def _factorize(self, V):
        ranks = ranks_by_mode(self.ranks, V.ndim)
        layers = self.layers or {1: (max(1, ranks[0] // 2),)}
        return deep_ntd(
            V,
            ranks,
            axes_to_modes(layers, V.ndim),
            loss=self.loss,
            weights=axes_to_modes(self.weights, V.ndim),
            start_iter=self.start_iter,
            **self._options(),
        )
