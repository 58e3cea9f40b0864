"""Multichannel NMF whose sources have spatial covariances of full rank.

The updates, and why they never raise the negative log-likelihood, are derived in
docs/structured_factorizations.md.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from musaic_core.lowrank.checks import check_count, check_names
from musaic_core.lowrank.models import Model
from musaic_core.lowrank.starts import random_factor
from musaic_core.lowrank.structured.phased import (
    check_factors,
    check_spectra,
    indices_of,
    move_sources,
    products_of,
)

__all__ = ["FullRankNMF", "full_rank_nmf"]

FACTORS = "spectra", "activations", "covariances"
NOISE = 1e-8  # beneath the model, of each row's mean power, alike in all channels
LEAST = 1e-30  # of what silence is raised to
ROUNDING, TINY = np.finfo(float).eps, np.finfo(float).tiny


def full_rank_nmf(
    X: np.ndarray,
    sources: Sequence,
    *,
    init: Sequence[np.ndarray | None] = (None, None, None),
    fixed: Collection[str] = (),
    max_iter: int = 100,
    history: bool = False,
    seed: int | None = None,
) -> FullRankNMF:
    """Factorize complex spectra of several channels, with any spatial covariances.

    A source's spectrum in all channels is a complex Gaussian vector with the covariance
    ``λ_nft R_nf``: its power, an NMF with Itakura-Saito divergence, times where, and
    how diffusely, it is heard. R_nf is any positive semidefinite matrix; in
    `musaic_core.lowrank.multichannel_nmf`, which is faster, those of all sources are
    diagonal after one transform. The negative log-likelihood falls with each step.
    Noise that is 80 dB below a row's mean power is part of the model, so that it has a
    minimum.

    Parameters
    ----------
    X : array (M, F, T)
        Complex spectra of M channels. All is computed in double precision.
    sources : sequence of length C
        Which source each component is of: numbers, names, or whatever can be sorted.
    init : sequence of three arrays, optional
        Spectra (F, C), activations (C, T), and covariances (N, F, M, M) of the N
        sources, Hermitian and positive semidefinite, in the order of `np.unique`. Those
        that are None are drawn at random.
    fixed : collection of names, default=()
        Of "spectra", "activations" and "covariances", those that keep their start.
    max_iter : int, default=100
    history : bool, default=False
        Compute the negative log-likelihood at each iteration.
    seed : int, optional
        Of what is drawn.

    Returns
    -------
    FullRankNMF

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.

    References
    ----------
    Sawada, Kameoka, Araki and Ueda, "Multichannel extensions of non-negative matrix
    factorization with complex-valued data", IEEE Transactions on Audio, Speech, and
    Language Processing 21 (5), 2013. Duong, Vincent and Gribonval, "Under-determined
    reverberant audio source separation using a full-rank spatial covariance model", the
    same 18 (7), 2010.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(2, 30, 40)) + 1j * rng.normal(size=(2, 30, 40))
    >>> model = full_rank_nmf(X, [0, 0, 1, 1, 2, 2], seed=0, max_iter=10)
    >>> model.covariances.shape, model.images(X).shape
    ((3, 30, 2, 2), (3, 2, 30, 40))
    """
    check_spectra(X, sources, "(M, F, T)")
    check_names(fixed, "fixed", FACTORS)
    check_count(max_iter, "max_iter", 0)
    fit = _Fit(X, sources, init, np.random.default_rng(seed))
    losses = [fit.loss()] if history else None
    for _ in range(max_iter):
        for name in ("activations", "spectra", "covariances"):
            if name not in fixed:
                fit.move(name)
        if history:
            losses.append(fit.loss())
    return fit.model(max_iter, losses)


@dataclass(eq=False)
class FullRankNMF(Model):
    """Sources whose powers are an NMF, each with a covariance of the channels.

    Parameters
    ----------
    spectra : array (F, C)
        One a component.
    activations : array (C, T)
        How strong each component is in each frame.
    covariances : array (N, F, M, M)
        Of each source in the channels, for spectra and activations of 1.
    labels : sequence of length C
        Which source each component is of.
    n_iter : int
        Iterations that were run.
    history : array, optional
        The negative log-likelihood at the start and after each iteration.
    """

    spectra: np.ndarray
    activations: np.ndarray
    covariances: np.ndarray
    labels: Sequence
    n_iter: int = 0
    history: np.ndarray | None = None

    @property
    def templates(self) -> np.ndarray:
        """Each component's mean power in the channels, (F, C)."""
        heard = np.trace(self.covariances, axis1=2, axis2=3).real
        heard = heard / self.covariances.shape[-1]
        return self.spectra * heard[indices_of(self.labels)].T

    @property
    def shape(self) -> tuple[int, int]:
        """That of the channels' mean power, (F, T)."""
        return len(self.spectra), self.activations.shape[1]

    @property
    def n_parameters(self) -> int:
        """Numbers that the model is made of: M² are in a covariance."""
        return self.spectra.size + self.activations.size + self.covariances.size

    def images(self, X: np.ndarray, exponent: float = 1.0) -> np.ndarray:
        """Filter the sources out of the channels: multichannel Wiener filtering.

        Parameters
        ----------
        X : array (M, F, T)
            What was factorized.
        exponent : float, default=1.0
            Of the covariances whose ratios are the filter: below 1, for sources that
            are less certain than the model says.

        Returns
        -------
        array (N, M, F, T)
            Each source as it is heard in the channels. They sum to X.
        """
        W, H = (np.asarray(a, float) for a in (self.spectra, self.activations))
        powers = products_of(W, H, indices_of(self.labels))
        powers = (powers / (powers.mean() or 1.0) + LEAST) ** exponent
        R, unit = self.covariances, np.eye(self.covariances.shape[-1])
        heard = np.trace(R, axis1=2, axis2=3).real[..., None, None] + LEAST
        places = _power_of(R + NOISE * heard * unit, exponent)  # not singular
        x = np.moveaxis(X, 0, 1)
        inverse, _ = _inverse(_mixed(powers, places), np.zeros((len(x), 1)))
        heard = (inverse * x[:, None]).sum(2)  # (F, M, T)
        images = powers[:, :, None] * (places @ heard)
        return np.moveaxis(images, 2, 1).astype(X.dtype)


class _Fit:
    """The three factors. What is of channels and frames has axes (F, M, M, T)."""

    def __init__(self, X, labels, init, rng):
        (n_channels, n_rows, n_frames), dtype = X.shape, X.real.dtype
        self.labels, self.of, self.dtype = labels, indices_of(labels), dtype
        n_sources = self.of.max() + 1
        self.scale = float(np.mean(np.abs(X) ** 2, dtype=float)) or 1.0
        self.x = np.moveaxis(X, 0, 1).astype(complex) / self.scale**0.5
        power = (np.abs(self.x) ** 2).mean((1, 2)) + NOISE
        self.noise = NOISE * power[:, None]  # (F, 1)

        shapes = {
            "spectra": (n_rows, len(labels)),
            "activations": (len(labels), n_frames),
            "covariances": (n_sources, n_rows, n_channels, n_channels),
        }
        check_factors(init, shapes, "covariances")
        W, H, R = init
        W = random_factor(rng, shapes["spectra"], 1.0) if W is None else W
        if H is None:
            level = 1 / (len(labels) * (float(np.mean(W)) or 1.0))
            H = random_factor(rng, shapes["activations"], level)
        else:
            H = H / self.scale
        if R is None:
            parts = rng.normal(size=(2, *shapes["covariances"]))
            A = (parts[0] + 1j * parts[1]) / (2 * n_channels) ** 0.5
            R = (np.eye(n_channels) + A @ A.conj().mT) / 2
        _check_covariances(R)
        self.W, self.H = (np.array(factor, float) for factor in (W, H))
        self.R = (R + np.conj(R).mT) / 2
        values, vectors = np.linalg.eigh(self.R)
        heard = values > 100 * ROUNDING * values[..., -1:]
        # R = L Lᴴ: what R does not hear is zero in L, and stays so to the last bit
        self.root = vectors * np.sqrt(values * heard)[..., None, :]

    def powers(self):
        """λ, (N, F, T)."""
        return products_of(self.W, self.H, self.of)

    def covariance(self):
        """Of the channels, in each entry, (F, M, M, T)."""
        noise = self.noise[..., None] * np.eye(self.R.shape[-1])
        return _mixed(self.powers(), self.R) + noise[..., None]

    def seen(self):
        """K, the covariance's inverse, and Lᴴ K x of each source, (N, F, M, T)."""
        K, _ = _inverse(self.covariance(), self.noise)
        y = (K * self.x[:, None]).sum(2)
        # all sources' roots below each other: one product a row
        roots = np.moveaxis(self.root, 0, 2).reshape(*y.shape[:2], -1)
        z = (roots.conj().mT @ y).reshape(len(y), -1, *y.shape[1:])
        return K, z.swapaxes(0, 1)

    def parts(self):
        """Both parts of the gradient by λ, (N, F, T)."""
        K, z = self.seen()
        R = self.R.conj().reshape(*self.R.shape[:2], -1).swapaxes(0, 1)
        traces = (R @ K.reshape(len(K), -1, K.shape[-1])).real.swapaxes(0, 1)
        return (z.real**2 + z.imag**2).sum(2), traces.clip(0)

    def move(self, name):
        if name == "covariances":
            return self.move_covariances()
        parts = zip(*self.parts(), strict=True)
        move_sources(name, self.W, self.H, self.of, parts, 0.5)

    def move_covariances(self):
        """To where ``R Q R = R̃ P R̃``, an algebraic Riccati equation.

        Through L, as Q alone may be all but singular, and R̃ be singular.
        """
        powers, (K, z) = self.powers(), self.seen()
        Q = K.reshape(len(K), -1, K.shape[-1]) @ np.moveaxis(powers, 0, 2)
        Q = np.moveaxis(Q, 2, 0).reshape(self.R.shape)
        M = _mean(
            self.root.conj().mT @ Q @ self.root,
            (powers[:, :, None] * z) @ z.conj().mT,
        )
        silent = np.trace(Q, axis1=2, axis2=3).real[..., None, None] == 0
        self.root = np.where(silent, self.root, self.root @ _power_of(M, 0.5))
        R = self.root @ self.root.conj().mT
        self.R = (R + R.conj().mT) / 2

    def loss(self):
        """The negative log-likelihood, but for constants, of the data as given."""
        K, volumes = _inverse(self.covariance(), self.noise)
        distance = ((K * self.x[:, None]).sum(2) * self.x.conj()).real.sum()
        return float(distance + volumes.sum() + self.x.size * np.log(self.scale))

    def model(self, n_iter, losses):
        history = None if losses is None else np.array(losses)
        W, H = (a.astype(self.dtype) for a in (self.W, self.scale * self.H))
        return FullRankNMF(W, H, self.R, self.labels, n_iter, history)


def _check_covariances(R):
    """A ValueError if a start is not Hermitian, or has negative eigenvalues."""
    least = -1e-4 * np.abs(R).max()
    skew = np.abs(R - np.conj(R).mT).max()
    if skew > -least or np.linalg.eigvalsh(R).min() < least:
        raise ValueError(
            "init's covariances are not Hermitian and positive semidefinite"
        )


def _mixed(powers, covariances):
    """The covariance of what sources sum to, (F, M, M, T)."""
    N, F, M, _ = covariances.shape
    rows = np.moveaxis(covariances, 0, 3).reshape(F, M * M, N)
    return (rows @ powers.swapaxes(0, 1)).reshape(F, M, M, -1)


def _inverse(A, least):
    """Of Hermitian matrices (F, M, M, T), and their determinants' logarithms, (F, T).

    No eigenvalue is below `least` (F, 1), but for rounding, which this undoes.
    """
    if A.shape[1] != 2:
        values, vectors = np.linalg.eigh(np.moveaxis(A, 3, 1))
        values = np.maximum(values, least[..., None])
        return np.moveaxis(_from(1 / values, vectors), 1, 3), np.log(values).sum(-1)
    a, b, c, d = A[:, 0, 0], A[:, 0, 1], A[:, 1, 0], A[:, 1, 1]
    determinant = np.maximum((a * d - b * c).real, least * (a + d - least).real)
    turned = np.stack([d, -b, -c, a], 1).reshape(A.shape)
    return turned / determinant[:, None, None], np.log(determinant)


def _power_of(A, exponent):
    """Of Hermitian positive semidefinite matrices (..., M, M)."""
    values, vectors = np.linalg.eigh(A)
    return _from(np.maximum(values, TINY) ** exponent, vectors)


def _mean(Q, P):
    """The R with R Q R = P: the geometric mean of Q⁻¹ and P."""
    values, vectors = np.linalg.eigh(Q)
    # what is zero but for rounding has the root of a rounding below: none is smaller
    values = np.maximum(values, np.maximum(ROUNDING**0.5 * values[..., -1:], TINY))
    root, back = (_from(values**power, vectors) for power in (0.5, -0.5))
    return back @ _power_of(root @ P @ root, 0.5) @ back


def _from(values, vectors):
    """Hermitian matrices of these eigenvalues and eigenvectors."""
    return (vectors * values[..., None, :]) @ vectors.conj().mT
