"""The online models as estimators, which learn from samples as they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from musaic_core.lowrank.estimators.base import (
    FactorizationEstimator,
    axes_to_modes,
    seen_from_samples,
)
from musaic_core.lowrank.estimators.batch import ranks_by_mode
from musaic_core.lowrank.online import OnlineNCP, OnlineNMF, OnlineNTD

__all__ = ["OnlineNCPEstimator", "OnlineNMFEstimator", "OnlineNTDEstimator"]

Array = Any


class _OnlineEstimator(FactorizationEstimator):
    """What the online ones share; a subclass makes the learner."""

    def fit(self, X: Array, y: None = None) -> Self:
        """Learn the components anew, from mini-batches drawn from the samples.

        Parameters
        ----------
        X : array (n_samples, ...)
            Nonnegative, of two axes or more; float32 is kept.
        y : None
            Not used.

        Returns
        -------
        object
            The estimator itself.
        """
        V = self._read(X, reset=True)
        self.learner_ = self._learner(V.ndim)
        self.learner_.fit([V], n_epochs=self.n_epochs)
        return self._learned(V)

    def partial_fit(self, X: Array, y: None = None) -> Self:
        """Improve the components with one mini-batch, which is taken as it is.

        Parameters
        ----------
        X : array (n_samples, ...)
            Nonnegative. Samples that are all zero are passed over.
        y : None
            Not used.

        Returns
        -------
        object
            The estimator itself.
        """
        first = not hasattr(self, "components_")
        V = self._read(X, reset=first)
        if first:
            self.learner_ = self._learner(V.ndim)
        self.learner_.partial_fit(V)
        return self._learned(V)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "components_")

    def _learner(self, n_axes):
        raise NotImplementedError

    def _options(self):
        names = "beta", "init", "batch_size", "pool_size", "n_inner", "forgetting"
        return {name: getattr(self, name) for name in names} | {"seed": self._seed()}

    def _learned(self, V):
        self.n_samples_seen_ = self.learner_.n_seen
        if self.learner_.shared:
            model = self.learner_.transform(V[..., :1], 0)
            components, _ = seen_from_samples(model)
            self.components_ = components.reshape(len(components), *V.shape[:-1])
        return self


class OnlineNMFEstimator(_OnlineEstimator):
    """Online NMF, plain or deep: components that are learned in constant memory.

    Parameters
    ----------
    rank : int, default=8
        Number of components.
    layers : sequence of int, default=()
        Ranks of layers below the components, whose product they then are.
    beta : float, default=1.0
        Of the β-divergence; any real number.
    init : {"data", "random", "nndsvd"}, default="data"
        Where the components start.
    batch_size : int, default=64
        Samples of a mini-batch in `fit`.
    pool_size : int, default=4096
        Samples that mini-batches are drawn from in `fit`.
    n_inner : int, default=20
        Iterations for the codes of a mini-batch.
    forgetting : float, default=80
        How much the latest samples count; 0 is for all alike. See
        `musaic_core.lowrank.online.learner.OnlineOptions`.
    n_epochs : int, default=1
        Times that `fit` goes through X.
    random_state : int, RandomState or None, default=None
        Of the start and of what is drawn.
    transform_max_iter : int, default=200
        Multiplicative updates for the codes of samples; they never raise the objective.

    Attributes
    ----------
    components_ : ndarray (n_components, n_features)
        One a row.
    learner_ : musaic_core.lowrank.OnlineNMF
        What was learned, and what is kept of the past.
    n_samples_seen_ : int
        Samples that it has learned from, each as often as it came.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of str
        Their names, where X was a data frame.

    See Also
    --------
    musaic_core.lowrank.OnlineNMF : The class that learns from streams of recordings.
    """

    _takes_tensors = False

    def __init__(
        self,
        rank: int = 8,
        *,
        layers: Sequence[int] = (),
        beta: float = 1.0,
        init: str = "data",
        batch_size: int = 64,
        pool_size: int = 4096,
        n_inner: int = 20,
        forgetting: float = 80,
        n_epochs: int = 1,
        random_state: Any = None,
        transform_max_iter: int = 200,
    ) -> None:
        self.rank = rank
        self.layers = layers
        self.beta = beta
        self.init = init
        self.batch_size = batch_size
        self.pool_size = pool_size
        self.n_inner = n_inner
        self.forgetting = forgetting
        self.n_epochs = n_epochs
        self.random_state = random_state
        self.transform_max_iter = transform_max_iter

    def _learner(self, n_axes):
        return OnlineNMF(self.rank, layers=self.layers, **self._options())


class OnlineNCPEstimator(_OnlineEstimator):
    """Online NCP, plain or deep, of samples that are matrices or tensors.

    Parameters
    ----------
    rank : int, default=8
        Number of components, each a rank-one pattern.
    layers : dict of int to sequence of int, optional
        Ranks of layers below the factor of an axis of X after the first.
    beta : float, default=1.0
        Of the β-divergence; any real number.
    init : {"data", "random", "nndsvd"}, default="data"
        Where the factors start.
    batch_size : int, default=8
        Samples of a mini-batch in `fit`.
    pool_size : int, default=256
        Samples that mini-batches are drawn from in `fit`.
    n_inner : int, default=20
        Iterations for the codes of a mini-batch.
    forgetting : float, default=20
        How much the latest samples count; 0 is for all alike. See
        `musaic_core.lowrank.online.learner.OnlineOptions`.
    n_epochs : int, default=1
        Times that `fit` goes through X.
    random_state : int, RandomState or None, default=None
        Of the start and of what is drawn.
    transform_max_iter : int, default=200
        Multiplicative updates for the codes of samples; they never raise the objective.

    Attributes
    ----------
    components_ : ndarray (n_components, I_1, ...)
        The patterns.
    learner_ : musaic_core.lowrank.OnlineNCP
        What was learned, and what is kept of the past.
    n_samples_seen_ : int
        Samples that it has learned from, each as often as it came.
    n_features_in_ : int
        Size of the second axis of X.

    See Also
    --------
    musaic_core.lowrank.OnlineNCP : The class that learns from streams of recordings.
    """

    def __init__(
        self,
        rank: int = 8,
        *,
        layers: Mapping[int, Sequence[int]] | None = None,
        beta: float = 1.0,
        init: str = "data",
        batch_size: int = 8,
        pool_size: int = 256,
        n_inner: int = 20,
        forgetting: float = 20,
        n_epochs: int = 1,
        random_state: Any = None,
        transform_max_iter: int = 200,
    ) -> None:
        self.rank = rank
        self.layers = layers
        self.beta = beta
        self.init = init
        self.batch_size = batch_size
        self.pool_size = pool_size
        self.n_inner = n_inner
        self.forgetting = forgetting
        self.n_epochs = n_epochs
        self.random_state = random_state
        self.transform_max_iter = transform_max_iter

    def _learner(self, n_axes):
        layers = axes_to_modes(self.layers, n_axes) or {}
        return OnlineNCP(self.rank, layers=layers, **self._options())


class OnlineNTDEstimator(_OnlineEstimator):
    """Online NTD, plain or deep, of samples that are matrices or tensors.

    Parameters
    ----------
    ranks : int or sequence of int, default=8
        One an axis of X: the first is the number of components. A single number is for
        all of them.
    layers : dict of int to sequence of int, optional
        Ranks of layers below the factor of an axis of X after the first.
    beta : float, default=1.0
        Of the β-divergence; any real number.
    init : {"data", "random", "nndsvd"}, default="data"
        Where the factors start.
    batch_size : int, default=8
        Samples of a mini-batch in `fit`.
    pool_size : int, default=256
        Samples that mini-batches are drawn from in `fit`.
    n_inner : int, default=60
        Iterations for the codes of a mini-batch.
    forgetting : float, default=80
        How much the latest samples count; 0 is for all alike. See
        `musaic_core.lowrank.online.learner.OnlineOptions`.
    n_epochs : int, default=1
        Times that `fit` goes through X.
    random_state : int, RandomState or None, default=None
        Of the start and of what is drawn.
    transform_max_iter : int, default=200
        Multiplicative updates for the codes of samples; they never raise the objective.

    Attributes
    ----------
    components_ : ndarray (n_components, I_1, ...)
        The slices of the core, each with the factors of the other modes.
    learner_ : musaic_core.lowrank.OnlineNTD
        What was learned, and what is kept of the past.
    n_samples_seen_ : int
        Samples that it has learned from, each as often as it came.
    n_features_in_ : int
        Size of the second axis of X.

    See Also
    --------
    musaic_core.lowrank.OnlineNTD : The class that learns from streams of recordings.
    """

    def __init__(
        self,
        ranks: int | Sequence[int] = 8,
        *,
        layers: Mapping[int, Sequence[int]] | None = None,
        beta: float = 1.0,
        init: str = "data",
        batch_size: int = 8,
        pool_size: int = 256,
        n_inner: int = 60,
        forgetting: float = 80,
        n_epochs: int = 1,
        random_state: Any = None,
        transform_max_iter: int = 200,
    ) -> None:
        self.ranks = ranks
        self.layers = layers
        self.beta = beta
        self.init = init
        self.batch_size = batch_size
        self.pool_size = pool_size
        self.n_inner = n_inner
        self.forgetting = forgetting
        self.n_epochs = n_epochs
        self.random_state = random_state
        self.transform_max_iter = transform_max_iter

    def _learner(self, n_axes):
        layers = axes_to_modes(self.layers, n_axes) or {}
        ranks = ranks_by_mode(self.ranks, n_axes)
        return OnlineNTD(ranks, layers=layers, **self._options())
