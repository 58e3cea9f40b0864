"""What the estimators share: all but how the components are learned.

Seen from its samples, every model is an NMF with the components as its dictionary. So
whatever was fitted, samples are coded by an NMF that holds them.
"""

from __future__ import annotations

from math import prod
from typing import Any, Self

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils import Tags, check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from musaic_core.lowrank.arrays import (
    dtype_name,
    is_sparse,
    khatri_rao,
    multi_mode_product,
    sparse_columns,
)
from musaic_core.lowrank.checks import check_beta, near_one
from musaic_core.lowrank.divergence import BetaDivergence
from musaic_core.lowrank.kernels import kernels_for
from musaic_core.lowrank.models import NCP, NTD, Model
from musaic_core.lowrank.nmf import nmf

__all__ = [
    "BatchEstimator",
    "FactorizationEstimator",
    "axes_to_modes",
    "seen_from_samples",
]

Array = Any


class FactorizationEstimator(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """Codes samples by the `components_` that a subclass learns.

    A subclass has the parameters `beta`, `random_state` and `transform_max_iter`.
    """

    _takes_tensors = True
    _takes_sparse = False

    def transform(self, X: Array) -> np.ndarray:
        """Find how much of each component the samples have, the components held.

        Each sample is coded for itself, from the same start.

        Parameters
        ----------
        X : array or sparse matrix (n_samples, ...)
            Nonnegative; axes after the first as in `fit`.

        Returns
        -------
        ndarray (n_samples, n_components)
            The codes.
        """
        check_is_fitted(self)
        V = self._matrix(self._read(X, reset=False))
        return np.ascontiguousarray(self._coded(V).T)

    def inverse_transform(self, X: Array) -> np.ndarray:
        """The samples that have those codes.

        Parameters
        ----------
        X : array (n_samples, n_components)
            Codes, as `transform` gives them.

        Returns
        -------
        ndarray (n_samples, ...)
            Axes after the first as in `fit`.

        Raises
        ------
        ValueError
            X has another number of columns than there are components.
        """
        check_is_fitted(self)
        codes = check_array(X, dtype=[np.float64, np.float32], estimator=self)
        rank, *sizes = self.components_.shape
        if codes.shape[1] != rank:
            raise ValueError(
                f"X has {codes.shape[1]} columns, but {type(self).__name__} has {rank} "
                "components: give what transform gave"
            )
        samples = codes @ self.components_.reshape(rank, -1).astype(codes.dtype)
        return samples.reshape(len(codes), *sizes)

    def score(self, X: Array, y: None = None) -> float:
        """Minus the mean divergence of samples from what their codes make of them.

        It is the divergence that `beta` says, so that scores of different β do not
        compare; and more components code held-out samples better, if ever less so.

        Parameters
        ----------
        X : array or sparse matrix (n_samples, ...)
            Nonnegative.
        y : None
            Not used.

        Returns
        -------
        float
            0 at most; an entry of X counts as much as another.
        """
        check_is_fitted(self)
        V = self._matrix(self._read(X, reset=False))
        return -self._divergence(V, self._dictionary(), self._coded(V)) / prod(V.shape)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.input_tags.three_d_array = self._takes_tensors
        tags.input_tags.sparse = self._takes_sparse and self.beta in (1, 2)
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _n_features_out(self):
        return len(self.components_)

    def _read(self, X, reset):
        """X, checked, as the functions take it: with samples as its last mode."""
        tags = self.__sklearn_tags__().input_tags
        X = validate_data(
            self,
            X,
            reset=reset,
            accept_sparse=("csr", "csc") if tags.sparse else False,
            dtype=[np.float64, np.float32],
            ensure_non_negative=True,
            allow_nd=self._takes_tensors,
        )
        if not reset and X.shape[1:] != self.components_.shape[1:]:
            raise ValueError(
                f"X has shape {X.shape}, but {type(self).__name__} was fitted to "
                f"samples of shape {self.components_.shape[1:]}"
            )
        return X.T if is_sparse(X) else np.moveaxis(X, 0, -1)

    def _seed(self):
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _matrix(self, V):
        """With all features as one mode."""
        return V if V.ndim == 2 else V.reshape(-1, V.shape[-1])

    def _dictionary(self):
        return self.components_.reshape(len(self.components_), -1).T

    def _penalties(self):
        """Those on the codes."""
        return None

    def _coded(self, V):
        """The codes (n_components, n_samples) of a matrix of samples."""
        D = self._dictionary()
        total = np.asarray(V.sum(0)).reshape(1, -1) / (D.sum(dtype=np.float64) or 1.0)
        model = nmf(
            V,
            D.shape[1],
            init=(D, np.broadcast_to(total, (D.shape[1], V.shape[1]))),
            fixed=("templates",),
            beta=self.beta,
            penalties=self._penalties(),
            max_iter=self.transform_max_iter,
        )
        return model.activations

    def _divergence(self, V, D, H):
        """What is minimised but for penalties; finite where the model is zero."""
        beta, dtype = check_beta(self.beta), dtype_name(V)
        V, scale = near_one(V)
        kernels, X = kernels_for(sparse_columns(V) if is_sparse(V) else V)
        divergence = BetaDivergence.for_data(beta, float(V.mean()), dtype)
        D, H = (D * scale).astype(V.dtype), H.astype(V.dtype)
        return float(kernels.loss(X, D, H, divergence) / np.float64(scale) ** beta)


class BatchEstimator(FactorizationEstimator):
    """One that is fitted to all samples at once, by `_factorize`.

    A subclass has the options of the functions as parameters, by their names.
    """

    def fit(self, X: Array, y: None = None) -> Self:
        """Learn the components.

        Parameters
        ----------
        X : array or sparse matrix (n_samples, ...)
            Nonnegative, of two axes or more; float32 is kept.
        y : None
            Not used.

        Returns
        -------
        object
            The estimator itself.
        """
        V = self._read(X, reset=True)
        model = self._factorize(V)
        components, codes = seen_from_samples(model)
        self.model_ = model
        self.components_ = components.reshape(len(components), *V.shape[:-1])
        self.n_iter_ = model.n_iter
        self.reconstruction_err_ = self._divergence(
            self._matrix(V), self._dictionary(), codes
        )
        return self

    def _factorize(self, V) -> Model:
        raise NotImplementedError

    def _options(self):
        """The options that every function takes."""
        names = "beta", "update", "init", "max_iter", "tol"
        return {name: getattr(self, name) for name in names} | {"seed": self._seed()}


def seen_from_samples(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Patterns (R, features) and codes (R, samples), the last mode being the samples.

    The tensor models are so many patterns of the other modes.
    """
    if isinstance(model, NTD):
        *others, last = model.factors
        patterns = multi_mode_product(model.core, others)
        return patterns.reshape(-1, last.shape[1]).T, last.T
    if isinstance(model, NCP):
        *others, last = model.factors
        return khatri_rao(others).T * model.cp.weights[:, None], last.T
    return model.templates.T, model.activations


def axes_to_modes(by_axis: dict | None, n_axes: int) -> dict | None:
    """What was given by X's axes, by V's modes: X's first is V's last."""
    if by_axis is None:
        return None
    return {
        (name - 1) % n_axes if name in range(n_axes) else name: given
        for name, given in by_axis.items()
    }
