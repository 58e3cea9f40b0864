"""A penalty on spectra that are not harmonic, and the combs that it knows them by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from musaic_core.lowrank.arrays import copy_like
from musaic_core.lowrank.checks import check_nonnegative
from musaic_core.lowrank.penalties import Penalty

__all__ = ["Harmonicity", "harmonic_combs"]

Array = Any


class Harmonicity(Penalty):
    """Energy of spectra off the partials of their pitch, less what chance leaves there.

    A comb c_p has 1 at the partials of pitch p and 0 between them. A spectrum w costs

        min_p  Σ_f (1 - c_p(f)) w(f)² / Σ_f w(f)²  +  mean_f c_p(f),

    over the pitches, or with that of its own pitch. The second term is the share of a
    flat spectrum on the comb: without it, a low pitch, whose comb is dense, would be
    the best for any spectrum. So a flat spectrum costs 1, whatever its pitch, and
    a harmonic one little. The pitch may change in each iteration: the penalty lies
    below that of the present pitch, so a step that lowers the latter lowers it.

    Parameters
    ----------
    weight : float
        The objective is the divergence plus `weight` times the sum over spectra.
    combs : array (P, F)
        From 0 to 1, one comb a row; see `harmonic_combs`.
    pitches : sequence of int, optional
        The comb of each component, as a row of `combs`, where it is known. By default
        each component takes the one that suits it best.

    References
    ----------
    Vincent, Bertin and Badeau, "Adaptive harmonic spectral decomposition for multiple
    pitch estimation", IEEE Transactions on Audio, Speech, and Language Processing 18
    (3), 2010 (where harmonicity is a constraint, and not a penalty).
    """

    def __init__(
        self, weight: float, combs: Array, pitches: Sequence[int] | None = None
    ) -> None:
        super().__init__(weight)
        if np.ndim(combs) != 2 or len(combs) == 0:
            raise ValueError(
                f"combs has shape {np.shape(combs)}; give one comb a row, (P, F)"
            )
        combs = np.asarray(combs)
        check_nonnegative(combs, "combs")
        if combs.max() > 1:
            raise ValueError("combs has entries above 1; give shares, from 0 to 1")
        self.combs = combs
        self.pitches = None if pitches is None else np.asarray(pitches)

    def of_unit(self, B: Array) -> float:
        """Sum over components of the energy off their best comb, and chance's share.

        Parameters
        ----------
        B : array (..., K, F)
            One spectrum a row, each of ℓ2 norm 1.

        Returns
        -------
        float
            Without the weight.
        """
        own = self._own(B)
        return ((1 - own) * B * B).sum() + own.mean(-1).sum()

    def gradient_of_unit(self, B: Array) -> tuple[Array, Array]:
        """Its gradient, with the combs that are the best at B.

        Parameters
        ----------
        B : array (..., K, F)
            As for `of_unit`.

        Returns
        -------
        plus, minus : array (..., K, F)
            The gradient is plus - minus.
        """
        return 2 * (1 - self._own(B)) * B, 0 * B

    def _own(self, B):
        """The comb of each component, (..., K, F)."""
        if B.shape[-1] != self.combs.shape[1]:
            raise ValueError(
                f"combs has {self.combs.shape[1]} columns, and the penalised spectra "
                f"have {B.shape[-1]} entries; give combs at their frequencies"
            )
        combs = copy_like(self.combs, B)
        if self.pitches is None:
            costs = combs.mean(-1) - (B * B) @ combs.mT
            return combs[costs.argmin(-1)]
        if len(self.pitches) != B.shape[-2]:
            raise ValueError(
                f"pitches has {len(self.pitches)} entries; give one for each of the "
                f"{B.shape[-2]} penalised spectra"
            )
        return combs[self.pitches]


def harmonic_combs(
    frequencies: Sequence[float],
    fundamentals: Sequence[float],
    n_partials: int = 20,
) -> np.ndarray:
    """Where the partials of pitches lie, for `Harmonicity`.

    Parameters
    ----------
    frequencies : sequence of float, shape (F,)
        Of a spectrum's entries, rising, Hz.
    fundamentals : sequence of float, shape (P,)
        Of the pitches, Hz.
    n_partials : int, default=20
        How many multiples of its fundamental a pitch has.

    Returns
    -------
    ndarray of float64, shape (P, F)
        1 at the partials, falling to 0 over some entries to either side.

    Raises
    ------
    ValueError
        There are less than two frequencies.

    Examples
    --------
    >>> combs = harmonic_combs(range(0, 1000, 10), [110.0, 220.0])
    >>> combs.shape, float(combs[1, 44]), float(combs[1, 55].round(3))
    ((2, 100), 1.0, 0.0)
    """
    frequencies = np.asarray(frequencies, float)
    if frequencies.ndim != 1 or len(frequencies) < 2:
        raise ValueError(
            f"frequencies has shape {frequencies.shape}; give those of a spectrum, two "
            "or more, in one dimension"
        )
    width = np.gradient(frequencies)  # about that of a window's main lobe
    partials = np.multiply.outer(fundamentals, np.arange(1, n_partials + 1))
    distance = (frequencies - partials[..., None]) / width
    return np.exp(-0.5 * distance**2).max(1)
