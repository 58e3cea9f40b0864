"""NMF whose patterns move along the frequency axis, with any β-divergence.

The updates, and why they never raise the objective, are derived in
docs/structured_factorizations.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, Unpack

import numpy as np

from musaic_core.lowrank.arrays import (
    contiguous,
    copy_like,
    floating,
    in_library_of,
    library_of,
    permute,
)
from musaic_core.lowrank.checks import check_count, check_nonnegative
from musaic_core.lowrank.models import Model, size_of, with_gains
from musaic_core.lowrank.options import Options
from musaic_core.lowrank.run import minimise
from musaic_core.lowrank.starts import random_factor, spread_of
from musaic_core.lowrank.structured.convolutive import (
    ConvolutiveProblem,
    delayed,
    norms_of,
)

__all__ = ["ShiftInvariantNMF", "shift_invariant_nmf"]

Array = Any


def shift_invariant_nmf(
    V: Array,
    rank: int,
    shifts: Sequence[int] | Array,
    length: int = 1,
    *,
    init: str | tuple[Array | None, Array | None] | Model = "random",
    **options: Unpack[Options],
) -> ShiftInvariantNMF:
    """Factorize with patterns that sound at several heights, ``Σ_s P_s W H_s``.

    ``V[f, t] ≈ Σ_c Σ_s Σ_l patches[f - s, c, l] impulses[c, s, t - l]``: on a
    logarithmic frequency axis, a shift by s rows is a transposition, so that vibrato
    and tuning move a pattern and do not ask for another. With one shift, by 0, it is
    `musaic_core.lowrank.convolutive_nmf`, and with patterns of one frame
    `musaic_core.lowrank.nmf`. An iteration costs what one of an NMF with C S L
    templates does.

    Parameters
    ----------
    V : array (F, T)
        Nonnegative; NumPy or PyTorch, on any device. float32 and float64 are kept,
        other dtypes become float64.
    rank : int
        Number of patterns C.
    shifts : sequence of S int, or array (S, F, F)
        By how many rows a pattern may move, up where it is positive; what leaves the
        axis is lost. On an axis of another kind, what a transposition does to a
        spectrum, as nonnegative matrices P_s, of columns that sum to 1 at most.
    length : int, default=1
        Frames L that a pattern lasts, T at most.
    init : "random", (patches, impulses) or ShiftInvariantNMF, default="random"
        Of a pair of arrays, (F, C, L) and (C, S, T), one may be None: it is then drawn
        at random. A model that this gave goes on from where it is.
    **options : Options
        beta, update, fixed, mask, penalties, data_weights, max_iter, tol, n_starts and
        so on: see `musaic_core.lowrank.options.Options`. The factors are named
        "patches" and "impulses", and the updates are "mu" and "mu-extrapolated". A
        penalty sees a whole pattern as one component, and of the impulses each pattern
        at each height.

    Returns
    -------
    ShiftInvariantNMF
        Patches (F, C, L) and impulses (C, S, T).

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.
    TypeError
        Names keyword arguments that are none of those above.

    References
    ----------
    Schmidt and Mørup, "Nonnegative matrix factor 2-D deconvolution for blind single
    channel source separation", ICA 2006. Smaragdis, Raj and Shashanka, "Sparse and
    shift-invariant feature extraction from non-negative data", ICASSP 2008. Benetos
    and Dixon, "Multiple-instrument polyphonic music transcription using a temporally
    constrained shift-invariant model", Journal of the Acoustical Society of America
    133 (3), 2013.

    Examples
    --------
    >>> import numpy as np
    >>> V = np.random.default_rng(0).random((80, 90))
    >>> model = shift_invariant_nmf(V, 4, range(-2, 3), seed=0)
    >>> model.patches.shape, model.impulses.shape, model.activations.shape
    ((80, 4, 1), (4, 5, 90), (4, 90))
    """
    shape = np.shape(V)
    if len(shape) != 2:
        raise ValueError(f"V has {len(shape)} axes; give a matrix (F, T)")
    n_frequencies, n_frames = shape
    rank, length = check_count(rank, "rank"), check_count(length, "length")
    if length > n_frames:
        raise ValueError(
            f"length is {length}, and V has {n_frames} columns; give as many at most"
        )
    shifts = _checked(shifts, n_frequencies)
    shapes = {
        "patches": (n_frequencies, rank, length),
        "impulses": (rank, len(shifts), n_frames),
    }
    order, given = ("impulses", "patches"), {"shifts": shifts}
    return minimise(ShiftInvariantProblem, V, shapes, order, init, given, **options)


def _checked(shifts, n_frequencies):
    """The shifts as a list of int or of matrices."""
    if len(np.shape(shifts)) == 3:
        shifts = floating(shifts, "shifts")
        if tuple(shifts.shape[1:]) != (n_frequencies, n_frequencies):
            raise ValueError(
                f"shifts has shape {tuple(shifts.shape)}; V has {n_frequencies} rows, "
                f"so give matrices (S, {n_frequencies}, {n_frequencies})"
            )
        check_nonnegative(shifts, "shifts")
        if len(shifts) and float(shifts.sum(1).max()) > 1 + 1e-3:
            raise ValueError(
                "shifts has columns that sum to more than 1; a shift moves what there "
                "is, so divide by their sums"
            )
    elif len(np.shape(shifts)) != 1 or not all(
        isinstance(s, Integral) and abs(s) < n_frequencies for s in shifts
    ):
        raise ValueError(
            f"shifts is {shifts!r}; give whole numbers of rows, below V's "
            f"{n_frequencies}, or matrices"
        )
    if len(shifts) == 0:
        raise ValueError("shifts is empty; give one at least, such as 0")
    return list(shifts)


@dataclass(eq=False)
class ShiftInvariantNMF(Model):
    """Patterns that sound at several heights, ``V[:, t] ≈ Σ P_s W_l H_s[:, t - l]``.

    Parameters
    ----------
    patches : array (F, C, L)
        Each component's spectra from its onset on; ``patches[:, :, l]`` is W_l.
    impulses : array (C, S, T)
        How strong each component sets in, at each height, in each frame;
        ``impulses[:, s]`` is H_s.
    n_iter : int
        Iterations that were run.
    labels : sequence of length C, optional
        What each component stands for.
    shifts : list of S int, or of S arrays (F, F)
        The heights, in rows; or what they make of a spectrum.
    """

    patches: Array
    impulses: Array
    n_iter: int = 0
    labels: Sequence | None = field(default=None, kw_only=True)
    shifts: list = field(kw_only=True)

    @property
    def templates(self) -> Array:
        """Each component's spectra summed over its duration, unmoved, (F, C)."""
        return self.patches.sum(-1)

    @property
    def activations(self) -> Array:
        """How strong each component sets in, at any height, (C, T)."""
        return self.impulses.sum(1)

    @property
    def shape(self) -> tuple[int, int]:
        """The data's shape, (F, T)."""
        return len(self.patches), self.impulses.shape[-1]

    @property
    def n_parameters(self) -> int:
        """Numbers that the model is made of."""
        return size_of(self.patches) + size_of(self.impulses)

    def reconstruct(self, gains: Array | None = None) -> Array:
        """The model's approximation of the data; see `Model.reconstruct`.

        Parameters
        ----------
        gains : array (C,) or (C, T), optional
            What to multiply each component's impulses with: a gain is that of what
            sets in at a frame, for as long as it lasts.

        Returns
        -------
        array (F, T)
            Of the data's shape.
        """
        gains = with_gains(0 * self.activations + 1, gains)
        return self._rows().mT @ self._heard(self.impulses * gains[:, None])

    def loudness(self) -> Array:
        """How much each component contributes to each frame; see `Model.loudness`.

        Returns
        -------
        array (C, T)
        """
        n_patterns, _, n_frames = self.impulses.shape
        loud = self._rows().sum(1)[:, None] * self._heard(self.impulses)
        return loud.reshape(n_patterns, -1, n_frames).sum(1)

    def _rows(self):
        return at_heights(self.patches, self.shifts)

    def _heard(self, impulses):
        return delayed(impulses.reshape(-1, impulses.shape[-1]), self.patches.shape[2])

    def _norms(self):
        return norms_of(self.patches)


class ShiftInvariantProblem(ConvolutiveProblem):
    """Each pattern at each height is one of a convolutive NMF's, tied to the others.

    The patches have the gradient that the moved ones have, brought back and summed.
    """

    starts = ("random",)
    onsets = "impulses"

    def __init__(self, V, blocks, *arguments, shifts, **options):
        blocks["impulses"] = contiguous(blocks["impulses"])  # all heights are rows
        super().__init__(V, blocks, *arguments, **options)
        self.shifts = [s if _is_count(s) else copy_like(s, V) for s in shifts]

    @classmethod
    def start(cls, V, shapes, init, rng, shifts):
        spread = spread_of(V, np.prod(shapes["patches"][1:]) * len(shifts), 2)
        return {n: random_factor(rng, s, spread, V.dtype) for n, s in shapes.items()}

    def model(self, factors, n_iter):
        patches, impulses = factors["patches"], factors["impulses"]
        shifts = [s if _is_count(s) else in_library_of(patches, s) for s in self.shifts]
        return ShiftInvariantNMF(patches, impulses, n_iter, shifts=shifts)

    def spectra(self):
        return at_heights(self.blocks["patches"], self.shifts)

    def taken_back(self, part):
        part = part.reshape(-1, len(self.shifts), self.length, part.shape[-1])
        back = (moved(part[:, i], s, back=True) for i, s in enumerate(self.shifts))
        return sum(back).reshape(-1, self.length * part.shape[-1])

    def plain_mu(self, name):
        if name == "impulses" and self.length == 1:  # an NMF's
            X, W, _ = self.half(name)
            H = self.as_moving(name, self.blocks[name])
            self.kernels.mu(X, W, H, self.divergence, self.weights_of(name))
            return
        self.mu_by_terms(name)

    def coupling(self, name, lengths):
        if name == "patches":  # at each height it counts
            return lengths["impulses"].reshape(-1, len(self.shifts)).sum(1)[:, None]
        rows = 0 * lengths["impulses"].reshape(-1, len(self.shifts))
        return (rows + lengths["patches"].mT).reshape(-1, 1)


def _is_count(shift):
    return isinstance(shift, Integral)


def at_heights(patches, shifts):
    """The patches (F, C, L) at all heights, their spectra as rows, (C S L, F)."""
    rows = permute(patches, (1, 2, 0))
    heights = library_of(rows).stack([moved(rows, shift) for shift in shifts], 1)
    return heights.reshape(-1, rows.shape[-1])


def moved(rows, shift, back=False):
    """Spectra (..., F) moved by a shift, or by the shift's transpose."""
    if not _is_count(shift):
        return rows @ (shift if back else shift.mT)
    shift = -shift if back else shift
    there = 0 * rows
    n_rows = rows.shape[-1]
    if shift >= 0:
        there[..., shift:] = rows[..., : n_rows - shift]
    else:
        there[..., :shift] = rows[..., -shift:]
    return there
