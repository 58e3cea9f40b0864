"""Complex Itakura-Saito NMF: sources whose phases are more or less known.

The updates, and why they never raise the negative log-likelihood, are derived in
docs/structured_factorizations.md.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import ive

from musaic_core.lowrank.checks import check_count, check_names
from musaic_core.lowrank.divergence import BetaDivergence
from musaic_core.lowrank.kernels import kernels_for
from musaic_core.lowrank.models import NMF
from musaic_core.lowrank.structured.phased import check_start, indices_of, products_of

__all__ = ["ComplexISNMF", "complex_isnmf"]

FACTORS = "templates", "activations", "phases"
FLOOR = 1e-12  # beneath each source's power, of the data's mean


def complex_isnmf(
    X: np.ndarray,
    sources: Sequence,
    phases: np.ndarray,
    concentration: float = 1.0,
    *,
    init: Sequence[np.ndarray | None] = (None, None),
    fixed: Collection[str] = (),
    max_iter: int = 100,
    history: bool = False,
    seed: int | None = None,
) -> ComplexISNMF:
    """Factorize a complex spectrum into Gaussian sources that prefer given phases.

    A source has the power ``(W H)_n`` and the relation ``E s² = ρ (W H)_n
    exp(2iμ_n)``: the second moments of a phase that is von Mises distributed about μ_n
    with a concentration κ, ``ρ = I₂(κ) / I₀(κ)``. With κ = 0 phases are uniform, and it
    is the NMF with Itakura-Saito divergence. The negative log-likelihood falls by
    expectation and maximisation.

    Parameters
    ----------
    X : array (F, T)
        Complex.
    sources : sequence of length C
        Which source each component is of: numbers, names, or whatever can be sorted.
    phases : array (N, F, T)
        μ of the N sources, radians, in the order of `np.unique`. They stay.
    concentration : float, default=1.0
        κ: 0 or more, and for complex64 no more than about 1000: the phases of a source
        that is known better are told by no single precision.
    init : pair of arrays, optional
        Templates (F, C) and activations (C, T), powers. Those that are None are drawn.
    fixed : collection of names, default=()
        Of "templates" and "activations", those that keep their start.
    max_iter : int, default=100
    history : bool, default=False
        Compute the negative log-likelihood at each iteration.
    seed : int, optional
        Of what is drawn.

    Returns
    -------
    ComplexISNMF

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.

    References
    ----------
    Magron and Virtanen, "Complex ISNMF: a phase-aware model for monaural audio source
    separation", IEEE/ACM Transactions on Audio, Speech, and Language Processing 27 (1),
    2019.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(30, 40)) + 1j * rng.normal(size=(30, 40))
    >>> phases = rng.uniform(-np.pi, np.pi, (2, 30, 40))
    >>> model = complex_isnmf(X, [0, 0, 1, 1], phases, seed=0, max_iter=10)
    >>> model.templates.shape, model.images(X).shape
    ((30, 4), (2, 30, 40))
    """
    check_names(fixed, "fixed", FACTORS[:2])
    check_count(max_iter, "max_iter", 0)
    if not 0 <= concentration < np.inf:
        raise ValueError(
            f"concentration is {concentration!r}; give a number, 0 or more"
        )
    relation = relation_of(concentration)
    if (1 - relation**2) ** 2 < 100 * np.finfo(np.asarray(X).dtype).eps:
        raise ValueError(
            f"concentration is {concentration!r}, which is beyond the precision of "
            f"{np.asarray(X).dtype}; give less, or X as complex128"
        )
    start = (*init, phases) if len(init) == 2 else init
    X, (W, H, phases), scale = check_start(X, sources, start, FACTORS, seed, 2)
    power = float((np.abs(X) ** 2).mean()) or 1.0
    of, divergence = indices_of(sources), BetaDivergence(0.0, FLOOR * power)
    relations = (relation * np.exp(2j * phases)).astype(X.dtype)

    def powers():
        return products_of(W, H, of) + divergence.floor

    def loss():  # of the data as given
        likelihood = negative_log_likelihood(X, powers(), relations)
        return likelihood - 2 * X.size * np.log(scale)

    losses = [loss()] if history else []
    kernels, _ = kernels_for(W)
    for _ in range(max_iter):
        expected = expected_powers(X, powers(), relations)
        for n, V in enumerate(expected):
            own = of == n
            A, B = np.ascontiguousarray(W[:, own]), H[own]
            if "activations" not in fixed:
                kernels.mu(V, A, B, divergence)
                H[own] = B
            if "templates" not in fixed:
                kernels.mu(V.T, B.T, A.T, divergence)
                W[:, own] = A
        if history:
            losses.append(loss())
    return ComplexISNMF(
        W,
        H / scale / scale,
        max_iter,
        labels=sources,
        phases=phases,
        concentration=concentration,
        floor=divergence.floor / scale / scale,
        history=np.array(losses) if history else None,
    )


@dataclass(eq=False)
class ComplexISNMF(NMF):
    """An NMF of powers, and the phases that its sources prefer.

    Parameters
    ----------
    templates : array (F, C)
        One spectrum a column.
    activations : array (C, T)
        How strong each template is in each frame.
    n_iter : int
        Iterations that were run.
    labels : sequence of length C
        Which source each component is of.
    phases : array (N, F, T)
        That the sources prefer, radians.
    concentration : float
        How much they do.
    floor : float
        What is beneath the power of each source.
    history : array, optional
        The negative log-likelihood at the start and after each iteration.
    """

    phases: np.ndarray = field(kw_only=True)
    concentration: float = field(kw_only=True)
    floor: float = field(default=0.0, kw_only=True)
    history: np.ndarray | None = field(default=None, kw_only=True)

    def images(self, X: np.ndarray, exponent: float = 1.0) -> np.ndarray:
        """Filter the sources out of the spectrum.

        Parameters
        ----------
        X : array (F, T)
            What was factorized.
        exponent : float, default=1.0
            Of the powers whose ratios are the filter: below 1, for sources that are
            less certain than the model says.

        Returns
        -------
        array (N, F, T)
            The sources' expected values, given X. They sum to it.
        """
        of = indices_of(self.labels)
        W, H = (np.asarray(a, float) for a in (self.templates, self.activations))
        powers = products_of(W, H, of) + self.floor
        relations = relation_of(self.concentration) * np.exp(2j * self.phases)
        return expected_values(X, powers**exponent, relations).astype(X.dtype)


def relation_of(concentration: float) -> float:
    """``|E exp(2iφ)| = I₂(κ) / I₀(κ)`` of a von Mises distributed phase."""
    return float(ive(2, concentration) / ive(0, concentration))


def expected_values(
    X: np.ndarray, powers: np.ndarray, relations: np.ndarray
) -> np.ndarray:
    """Sources given their sum: anisotropic Wiener filtering.

    Parameters
    ----------
    X : array (...)
        Complex.
    powers : array (N, ...)
        ``E |s_n|²``, above 0.
    relations : array (N, ...)
        ``E s_n² / E |s_n|²``, complex, of magnitude below 1.

    Returns
    -------
    array (N, ...)
    """
    shares, _, relation, determinant = _sums(powers, relations)
    one = (X - relation * X.conj()) / determinant
    return shares * (one + relations * one.conj())


def _sums(powers, relations):
    """Shares of the powers, their sum, and that sum's relation r and 1 - |r|²."""
    total = powers.sum(0)
    shares = powers / total
    relation = (relations * shares).sum(0)
    return shares, total, relation, 1 - np.abs(relation) ** 2


def expected_powers(X, powers, relations):
    """What the powers are fitted to: ``E [|s|² - Re(r̄ s²)] / (1 - |r|²)`` given X."""
    shares, _, relation, determinant = _sums(powers, relations)
    size, cross = np.abs(relations) ** 2, relations * relation.conj()
    # means of the sources given X, and what is left of the second moments
    mean = expected_values(X, powers, relations)
    known = shares * powers / determinant
    power = powers - known * (1 + size - 2 * cross.real)
    squares = powers * relations
    squares -= known * (2 * relations - relations * cross - relation)
    power += np.abs(mean) ** 2
    squares += mean**2
    expected = (power - (relations.conj() * squares).real) / (1 - size)
    return np.ascontiguousarray(expected.clip(0), powers.dtype)


def negative_log_likelihood(X, powers, relations):
    """But for constants, summed over entries."""
    _, total, relation, determinant = _sums(powers, relations)
    quadratic = np.abs(X) ** 2 - (relation.conj() * X**2).real
    terms = np.log(total) + np.log(determinant) / 2 + quadratic / (total * determinant)
    return float(terms.sum(dtype=float))
