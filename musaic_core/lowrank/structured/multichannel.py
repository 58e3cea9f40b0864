"""NMF of several channels: sources that have a place beside their spectra.

The updates, and why they never raise the negative log-likelihood, are derived in
docs/structured_factorizations.md.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from musaic_core.lowrank.checks import check_count, check_names
from musaic_core.lowrank.divergence import BetaDivergence
from musaic_core.lowrank.kernels import kernels_for
from musaic_core.lowrank.kernels.arrays import multiply
from musaic_core.lowrank.models import Model
from musaic_core.lowrank.starts import random_factor
from musaic_core.lowrank.structured.phased import (
    check_factors,
    check_spectra,
    indices_of,
    products_of,
)

__all__ = ["MultichannelNMF", "multichannel_nmf"]

NOISE = 1e-10  # beneath the data, of its mean power
FLOOR = 1e-14  # beneath the model, of the same: no division is by zero
FACTORS = "spectra", "activations", "powers", "demixing"


def multichannel_nmf(
    X: np.ndarray,
    sources: Sequence,
    *,
    init: Sequence[np.ndarray | None] = (None, None, None, None),
    fixed: Collection[str] = (),
    shared: Collection[str] = (),
    max_iter: int = 100,
    history: bool = False,
    seed: int | None = None,
) -> MultichannelNMF:
    """Factorize complex spectra of several channels (FastMNMF).

    A source's spectrum in all channels is a complex Gaussian vector with the covariance
    ``λ_nft R_nf``: its power, an NMF with Itakura-Saito divergence, times where it is
    heard. All places are diagonal after one linear transform of the channels,
    ``R_nf = Q_f⁻¹ diag(g_nf) Q_f⁻ᴴ``. The negative log-likelihood falls with each step.

    Parameters
    ----------
    X : array (M, F, T)
        Complex spectra of M channels; complex64 is computed in single precision.
    sources : sequence of length C
        Which source each component is of: numbers, names, or whatever can be sorted.
    init : sequence of four arrays, optional
        Spectra (F, C), activations (C, T), powers (N, M, F) of the N sources in the
        transformed channels, in the order of `np.unique`, and demixing matrices Q
        (F, M, M); the last two have 1 instead of F where they are shared. Those that
        are None are drawn at random, but for Q, which is the identity.
    fixed : collection of names, default=()
        Of "spectra", "activations", "powers" and "demixing", those that keep their
        start. With as many sources as channels and the identity as fixed powers, this
        is ILRMA; with one channel it is an NMF.
    shared : collection of names, default=()
        Of "powers" and "demixing", those that are the same at all frequencies. With
        "powers" it is FastMNMF2; with both, sources are panned and heard in no room.
    max_iter : int, default=100
    history : bool, default=False
        Compute the negative log-likelihood at each iteration.
    seed : int, optional
        Of what is drawn.

    Returns
    -------
    MultichannelNMF

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.

    References
    ----------
    Sekiguchi, Bando, Nugraha, Yoshii and Kawahara, "Fast multichannel nonnegative
    matrix factorization with directivity-aware jointly-diagonalizable spatial
    covariance matrices for blind source separation", IEEE/ACM Transactions on Audio,
    Speech, and Language Processing 28, 2020. Kitamura, Ono, Sawada, Kameoka and
    Saruwatari, "Determined blind source separation unifying independent vector analysis
    and nonnegative matrix factorization", the same 24 (9), 2016 (ILRMA). Ono, "Stable
    and fast update rules for independent vector analysis based on auxiliary function
    technique", WASPAA 2011 (the step of Q).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(2, 30, 40)) + 1j * rng.normal(size=(2, 30, 40))
    >>> model = multichannel_nmf(X, [0, 0, 1, 1, 2, 2], seed=0, max_iter=10)
    >>> model.templates.shape, model.images(X).shape
    ((30, 6), (3, 2, 30, 40))
    """
    check_spectra(X, sources, "(M, F, T)")
    check_names(fixed, "fixed", FACTORS)
    check_names(shared, "shared", FACTORS[2:])
    check_count(max_iter, "max_iter", 0)
    fit = _Fit(X, sources, init, shared, np.random.default_rng(seed))
    losses = [fit.loss()] if history else None
    for _ in range(max_iter):
        for name in ("activations", "spectra", "powers", "demixing"):
            if name not in fixed:
                getattr(fit, f"move_{name}")()
        if history:
            losses.append(fit.loss())
    return fit.model(max_iter, losses)


@dataclass(eq=False)
class MultichannelNMF(Model):
    """Sources whose powers are an NMF, each heard from a place.

    Parameters
    ----------
    spectra : array (F, C)
        One a component.
    activations : array (C, T)
        How strong each component is in each frame.
    powers : array (N, M, F) or (N, M, 1)
        Of each source in the transformed channels, for spectra and activations of 1.
    demixing : array (F, M, M) or (1, M, M)
        The transform Q of the channels.
    labels : sequence of length C
        Which source each component is of.
    n_iter : int
        Iterations that were run.
    history : array, optional
        The negative log-likelihood at the start and after each iteration.
    """

    spectra: np.ndarray
    activations: np.ndarray
    powers: np.ndarray
    demixing: np.ndarray
    labels: Sequence
    n_iter: int = 0
    history: np.ndarray | None = None

    @property
    def covariances(self) -> np.ndarray:
        """Of each source in the channels, for powers of 1, (N, F, M, M)."""
        mixing = np.linalg.inv(self.demixing)
        powers = np.moveaxis(self.powers, 1, 2)[:, :, None, :]
        covariances = (mixing * powers) @ mixing.conj().mT
        n = self._n_channels
        return np.broadcast_to(covariances, (len(self.powers), len(self.spectra), n, n))

    @property
    def templates(self) -> np.ndarray:
        """Each component's mean power in the channels, (F, C)."""
        heard = np.trace(self.covariances, axis1=2, axis2=3).real / self._n_channels
        return self.spectra * heard[indices_of(self.labels)].T

    @property
    def shape(self) -> tuple[int, int]:
        """That of the channels' mean power, (F, T)."""
        return len(self.spectra), self.activations.shape[1]

    @property
    def n_parameters(self) -> int:
        """Numbers that the model is made of; a complex one counts twice."""
        real = self.spectra, self.activations, self.powers
        return sum(array.size for array in real) + 2 * self.demixing.size

    def images(self, X: np.ndarray, exponent: float = 1.0) -> np.ndarray:
        """Filter the sources out of the channels: multichannel Wiener filtering.

        Parameters
        ----------
        X : array (M, F, T)
            What was factorized.
        exponent : float, default=1.0
            Of the powers in the transformed channels whose ratios are the filter:
            below 1, for sources that are less certain than the model says.

        Returns
        -------
        array (N, M, F, T)
            Each source as it is heard in the channels. They sum to X.
        """
        of = indices_of(self.labels)
        W, H = (np.asarray(a, float) for a in (self.spectra, self.activations))
        parts = products_of(W, H, of)
        parts = (parts[:, None] * self.powers[..., None]) ** exponent
        parts += np.finfo(parts.dtype).tiny
        demixed = self.demixing @ np.moveaxis(X, 0, 1)
        masked = np.moveaxis(parts / parts.sum(0), 1, 2) * demixed
        return np.moveaxis(np.linalg.inv(self.demixing) @ masked, 2, 1).astype(X.dtype)

    @property
    def _n_channels(self):
        return self.demixing.shape[1]


class _Fit:
    """The four factors, and what the data is in the transformed channels."""

    def __init__(self, X, labels, init, shared, rng):
        n_channels, n_rows, n_frames = X.shape
        self.labels, self.of = labels, indices_of(labels)
        n_sources = self.of.max() + 1
        dtype = X.real.dtype
        power = float(np.mean(np.abs(X) ** 2, dtype=float))
        self.scale = 4.0 ** round(np.log2(power or 1) / 2)  # exact in its root, too
        # covariances x xᴴ with noise beneath the data, as `_as_real` has them
        x = np.moveaxis(X, 0, 1).astype(complex) / self.scale**0.5
        outer, unit = x[:, :, None] * x[:, None].conj(), np.eye(n_channels)[..., None]
        above = np.triu(np.ones((n_channels, n_channels), bool))[..., None]
        data = np.where(above, outer.real, outer.imag) + NOISE * unit
        self.data = data.reshape(n_rows, -1, n_frames)  # (F, M M, T)
        self.kernels, _ = kernels_for(np.ones((2, 2), dtype))
        self.divergence = BetaDivergence(0.0, FLOOR)

        n_bins = {name: 1 if name in shared else n_rows for name in FACTORS[2:]}
        shapes = {
            "spectra": (n_rows, len(labels)),
            "activations": (len(labels), n_frames),
            "powers": (n_sources, n_channels, n_bins["powers"]),
            "demixing": (n_bins["demixing"], n_channels, n_channels),
        }
        check_factors(init, shapes, "demixing")
        W, H, G, Q = init
        draw = random_factor
        W = draw(rng, shapes["spectra"], 1.0) if W is None else W
        if H is None:
            level = n_sources / (len(labels) * (float(W.mean()) or 1.0))
            H = draw(rng, shapes["activations"], level)
        else:
            H = H / self.scale
        G = rng.uniform(0.1, 1.9, shapes["powers"]) if G is None else G
        self.W, self.H, self.G = (np.array(a, dtype, order="C") for a in (W, H, G))
        self.Q = np.zeros(shapes["demixing"], complex)
        self.Q[:] = np.eye(n_channels) if Q is None else Q
        self.demix()

    def demix(self):
        """Powers in the transformed channels, (M F, T)."""
        # of a row q, qᴴ x xᴴ q is the inner product of q qᴴ and x xᴴ
        rows = _as_real(self.Q[..., None].conj() * self.Q[..., None, :])
        n = self.Q.shape[1]
        rows = rows * (2 - np.eye(n))  # each pair stands for two entries
        powers = rows.reshape(-1, n, n * n) @ self.data
        self.V = np.moveaxis(powers, 1, 0).astype(self.W.dtype)
        self.V = self.V.reshape(-1, powers.shape[2])

    def heard(self):
        """Components' spectra in the transformed channels, (M F, C)."""
        heard = self.W.T[:, None] * self.G[self.of]
        return np.ascontiguousarray(heard.reshape(len(self.of), -1).T)

    def move_activations(self):
        self.kernels.mu(self.V, self.heard(), self.H, self.divergence)

    def move_spectra(self):
        parts = ((part * self.G[self.of]).sum(1) for part in self.parts())
        multiply(self.W.T, *parts, self.divergence.exponent)

    def move_powers(self):
        members = np.eye(len(self.G), dtype=self.G.dtype)[self.of].T
        parts = (np.tensordot(members, p * self.W.T[:, None], 1) for p in self.parts())
        if self.G.shape[2] == 1:
            parts = (part.sum(2, keepdims=True) for part in parts)
        multiply(self.G, *parts, self.divergence.exponent)

    def parts(self):
        """Both parts of the gradient by what is `heard`, (C, M, F)."""
        A = self.heard()
        parts = self.kernels.terms(self.V.T, self.H.T, A.T, self.divergence)
        return (part.reshape(len(self.of), self.Q.shape[1], -1) for part in parts)

    def move_demixing(self):
        """Each row of Q to its minimum with the others held (iterative projection)."""
        n_rows, _, n_frames = self.data.shape
        n = self.Q.shape[1]
        weights = (1 / (self.heard() @ self.H + FLOOR)).reshape(n, n_rows, n_frames)
        covariances = self.data @ np.moveaxis(weights, 0, 2).astype(float) / n_frames
        if len(self.Q) == 1:
            covariances = covariances.mean(0, keepdims=True)
        covariances = _as_hermitian(np.moveaxis(covariances, 2, 0).reshape(n, -1, n, n))
        for m, covariance in enumerate(covariances):
            row = np.linalg.inv(self.Q @ covariance)[:, :, m, None]
            length = (row.conj().mT @ covariance @ row).real
            self.Q[:, m] = (row / length**0.5).conj()[..., 0]
        self.demix()

    def loss(self):
        """The negative log-likelihood, but for constants, of the data as given."""
        Y = (self.heard() @ self.H + FLOOR).astype(float)
        determinants = np.linalg.slogdet(self.Q)[1].mean() * self.V.size
        total = (self.V / Y + np.log(Y)).sum() + self.V.size * np.log(self.scale)
        return float(total - 2 * determinants / self.Q.shape[1])

    def model(self, n_iter, losses):
        history = None if losses is None else np.array(losses)
        factors = self.W, self.scale * self.H, self.G, self.Q
        return MultichannelNMF(*factors, self.labels, n_iter, history)


def _as_real(hermitian):
    """Real parts above and on the diagonal, imaginary ones below it, (..., M, M)."""
    return np.triu(hermitian.real) + np.tril(hermitian.imag, -1)


def _as_hermitian(real):
    """What `_as_real` has made this of."""
    above, below = np.triu(real, 1), np.tril(real, -1)
    return real - below + above.mT + 1j * (below - below.mT)
