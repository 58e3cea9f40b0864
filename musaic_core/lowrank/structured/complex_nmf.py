"""Complex NMF: sources have phases of their own, so that they may cancel each other.

The updates, and why they never raise the objective, are derived in
docs/structured_factorizations.md.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from musaic_core.lowrank.checks import check_count, check_names
from musaic_core.lowrank.models import NMF
from musaic_core.lowrank.structured.phase_unwrapping import PhaseUnwrapping, turn
from musaic_core.lowrank.structured.phased import (
    check_start,
    indices_of,
    move_sources,
    products_of,
)

__all__ = ["ComplexNMF", "complex_nmf"]

FACTORS = "templates", "activations", "phases"


def complex_nmf(
    X: np.ndarray,
    sources: Sequence,
    *,
    init: Sequence[np.ndarray | None] = (None, None, None),
    fixed: Collection[str] = (),
    phase_penalty: PhaseUnwrapping | None = None,
    max_iter: int = 100,
    history: bool = False,
    seed: int | None = None,
) -> ComplexNMF:
    """Factorize a complex spectrum into sources with magnitudes and phases.

    ``X ≈ Σ_n (W H)_n exp(iφ_n)``, the sum over sources n, each of which has some
    components, and the squared error is minimised. With as many sources as components
    it is the model of the paper. From phases that are those of X, they stay so, and it
    is the NMF of magnitudes: what it finds beyond that is in the start, or in what is
    known of the phases.

    Parameters
    ----------
    X : array (F, T)
        Complex.
    sources : sequence of length C
        Which source each component is of: numbers, names, or whatever can be sorted.
    init : sequence of three arrays, optional
        Templates (F, C), activations (C, T) and phases (N, F, T) of the N sources,
        radians, in the order of `np.unique`. Those that are None are drawn at random.
    fixed : collection of names, default=()
        Of "templates", "activations" and "phases", those that keep their start.
    phase_penalty : PhaseUnwrapping, optional
        Added to the squared error. By default the phases are free.
    max_iter : int, default=100
    history : bool, default=False
        Compute the objective at each iteration.
    seed : int, optional
        Of what is drawn.

    Returns
    -------
    ComplexNMF

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.

    References
    ----------
    Kameoka, Ono, Kashino and Sagayama, "Complex NMF: a new sparse representation for
    acoustic signals", ICASSP 2009. Magron, Badeau and David, ICASSP 2016 (the penalty).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(30, 40)) + 1j * rng.normal(size=(30, 40))
    >>> model = complex_nmf(X, [0, 0, 1, 1], seed=0, max_iter=10)
    >>> model.templates.shape, model.images().shape
    ((30, 4), (2, 30, 40))
    """
    check_names(fixed, "fixed", FACTORS)
    check_count(max_iter, "max_iter", 0)
    X, (W, H, phases), scale = check_start(X, sources, init, FACTORS, seed, 1)
    of, turns = indices_of(sources), np.exp(1j * phases)
    # with no weight, phases are as free as without it, to the last bit
    penalised = phase_penalty is not None and phase_penalty.weight > 0
    if penalised:
        if phase_penalty.advances.shape != turns.shape:
            raise ValueError(
                f"phase_penalty has advances {phase_penalty.advances.shape}; give "
                f"{turns.shape}"
            )
        steps = phase_penalty.steps(X)

    def lengths():
        """What each source's length is drawn to, (N, F, T), and what all are, (F, T).

        Both by the majorizer at the present factors, times the same.
        """
        parts = products_of(W, H, of)
        total = parts.sum(0)
        wanted = total * turns + (X - (parts * turns).sum(0))
        if "phases" not in fixed and penalised:
            phase_penalty.move(turns, parts * wanted, steps)
        elif "phases" not in fixed:
            turn(turns, wanted)
        return (wanted * turns.conj()).real, total

    def error():
        left = X - (products_of(W, H, of) * turns).sum(0)
        penalty = phase_penalty.value(turns, steps) if penalised else 0.0
        return (float((np.abs(left) ** 2).sum()) + penalty) / scale / scale

    errors = [error()]
    for _ in range(max_iter):
        for name in ("activations", "templates"):
            wanted, total = lengths()
            if name not in fixed:
                parts = ((x.clip(0), total + (-x).clip(0)) for x in wanted)
                move_sources(name, W, H, of, parts, 1)
        if history:
            errors.append(error())
    past = np.array(errors) if history else None
    return ComplexNMF(
        W, H / scale, max_iter, labels=sources, phases=np.angle(turns), history=past
    )


@dataclass(eq=False)
class ComplexNMF(NMF):
    """An NMF of magnitudes, and the phases of its sources.

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
        Of the sources, radians.
    history : array, optional
        The objective at the start and after each iteration.
    """

    phases: np.ndarray = field(kw_only=True)
    history: np.ndarray | None = field(default=None, kw_only=True)

    @property
    def n_parameters(self) -> int:
        """Numbers of the NMF, and the phases."""
        return super().n_parameters + self.phases.size

    def images(self) -> np.ndarray:
        """The sources' complex spectra, whose sum is the model of X.

        Returns
        -------
        array (N, F, T)
        """
        of = indices_of(self.labels)
        parts = products_of(self.templates, self.activations, of)
        return parts * np.exp(1j * self.phases)
