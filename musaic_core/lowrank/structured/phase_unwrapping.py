"""A penalty under which phases go on as those of sinusoids do.

The updates, and why they never raise the objective, are derived in
docs/structured_factorizations.md.
"""

from __future__ import annotations

import math
from numbers import Real

import numpy as np

__all__ = ["PhaseUnwrapping", "turn"]


class PhaseUnwrapping:
    """Phases that go on evenly: Σ |x_ft|² |exp(iφ_nft) - exp(i(φ_nf(t-1) + ω_nft))|².

    The phase of a sinusoid advances by what its frequency says. As the data weighs
    each entry, the data's scale does not count.

    Parameters
    ----------
    weight : float
        The objective is the squared error plus `weight` times the penalty.
    advances : array (N, F, T)
        ω of the N sources, in the order of `np.unique`: how far each phase goes from
        the last frame to this one, radians. The first frame's is not used.
    begins : array (N, T) of bool, optional
        Where a source begins anew, and its phase does not go on from the last frame: by
        default, nowhere.

    References
    ----------
    Magron, Badeau and David, "Complex NMF under phase constraints based on signal
    modeling: application to audio source separation", ICASSP 2016.
    """

    def __init__(
        self, weight: float, advances: np.ndarray, begins: np.ndarray | None = None
    ) -> None:
        is_number = isinstance(weight, Real) and not isinstance(weight, bool)
        if not is_number or not 0 <= weight < math.inf:
            raise ValueError(f"weight is {weight!r}; give a number, 0 or more")
        if np.ndim(advances) != 3 or not np.isfinite(advances).all():
            raise ValueError("advances are not finite numbers (N, F, T)")
        self.weight, self.advances = float(weight), np.asarray(advances)
        shape = self.advances.shape[::2]
        self.begins = np.zeros(shape, bool) if begins is None else np.array(begins)
        if self.begins.shape != shape or self.begins.dtype != bool:
            raise ValueError(f"begins are not booleans (N, T), of shape {shape}")

    def steps(self, X: np.ndarray) -> np.ndarray:
        """How each phase is drawn on from the last frame's, and how strongly.

        Parameters
        ----------
        X : array (F, T)
            The complex spectrum.

        Returns
        -------
        array (N, F, T - 1)
            Complex.
        """
        strengths = self.weight * np.abs(X) ** 2 * ~self.begins[:, None]
        steps = strengths * np.exp(1j * self.advances)
        return steps[..., 1:].astype(X.dtype)

    @staticmethod
    def value(turns: np.ndarray, steps: np.ndarray) -> float:
        """The penalty, weighted.

        Parameters
        ----------
        turns : array (N, F, T)
            ``exp(iφ)``.
        steps : array (N, F, T - 1)

        Returns
        -------
        float
        """
        went = turns[..., 1:] * turns[..., :-1].conj()
        # |u - v|² is 2 - 2 Re(conj(v) u), for numbers of length 1
        return 2 * float((np.abs(steps) - (steps.conj() * went).real).sum())

    @staticmethod
    def move(turns: np.ndarray, pull: np.ndarray, steps: np.ndarray) -> None:
        """Turn the phases, so that ``2 Re(conj(turns) pull)`` less the penalty rises.

        Parameters
        ----------
        turns : array (N, F, T)
            ``exp(iφ)``, moved in place.
        pull : array (N, F, T)
            Where the data draws them, and how strongly.
        steps : array (N, F, T - 1)
        """
        for parity in (0, 1):  # frames that are no neighbours move together
            drawn = 1 * pull
            drawn[..., 1:] += steps * turns[..., :-1]
            drawn[..., :-1] += steps.conj() * turns[..., 1:]
            turn(turns[..., parity::2], drawn[..., parity::2])


def turn(turns: np.ndarray, drawn: np.ndarray) -> None:
    """Bring numbers of length 1 to where they are drawn, if anywhere, in place."""
    size = np.abs(drawn)
    np.divide(drawn, size, out=turns, where=size > np.finfo(size.dtype).tiny)
