"""Convolutive nonnegative matrix factorization with any β-divergence.

The updates, and why they never raise the objective, are derived in
docs/structured_factorizations.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Unpack

import numpy as np

from musaic_core.lowrank.arrays import contiguous, library_of, permute
from musaic_core.lowrank.checks import check_count
from musaic_core.lowrank.lengths import row_norms
from musaic_core.lowrank.models import Model, size_of, with_gains
from musaic_core.lowrank.options import Options
from musaic_core.lowrank.problem import Problem
from musaic_core.lowrank.run import minimise
from musaic_core.lowrank.starts import data_templates, pair_of, random_factor, spread_of

__all__ = ["ConvolutiveNMF", "convolutive_nmf"]

Array = Any


def convolutive_nmf(
    V: Array,
    rank: int,
    length: int,
    *,
    init: str | tuple[Array | None, Array | None] | Model = "random",
    **options: Unpack[Options],
) -> ConvolutiveNMF:
    """Factorize with templates that last L frames, ``V[:, t] ≈ Σ_l W_l H[:, t - l]``.

    With ``length=1`` it is `musaic_core.lowrank.nmf`. An iteration costs what one of an
    NMF with C L templates does.

    Parameters
    ----------
    V : array (F, T)
        Nonnegative; NumPy or PyTorch, on any device. float32 and float64 are kept,
        other dtypes become float64.
    rank : int
        Number of patterns C.
    length : int
        Frames L that a pattern lasts, T at most.
    init : str, (patches, activations) or ConvolutiveNMF, default="random"
        A method, as for `musaic_core.lowrank.nmf`, where the columns are the stretches
        of V that are as long as a pattern. Of a pair of arrays, (F, C, L) and (C, T),
        one may be None: it is then drawn at random. A model that this gave goes on from
        where it is.
    **options : Options
        beta, update, fixed, mask, penalties, data_weights, max_iter, tol, n_starts and
        so on: see `musaic_core.lowrank.options.Options`. The factors are named
        "patches" and "activations", and the updates are "mu" and "mu-extrapolated". A
        penalty sees a whole pattern as one component.

    Returns
    -------
    ConvolutiveNMF
        Patches (F, C, L) and activations (C, T).

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.
    TypeError
        Names keyword arguments that are none of those above.

    References
    ----------
    Smaragdis, "Convolutive speech bases and their application to supervised speech
    separation", IEEE Transactions on Audio, Speech, and Language Processing 15 (1),
    2007. Févotte and Idier, Neural Computation 23 (9), 2011 (the majorization).

    Examples
    --------
    >>> import numpy as np
    >>> V = np.random.default_rng(0).random((80, 90))
    >>> model = convolutive_nmf(V, 4, 8, seed=0)
    >>> model.patches.shape, model.activations.shape
    ((80, 4, 8), (4, 90))
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
    shapes = {
        "patches": (n_frequencies, rank, length),
        "activations": (rank, n_frames),
    }
    order = "activations", "patches"
    return minimise(ConvolutiveProblem, V, shapes, order, init, **options)


@dataclass(eq=False)
class ConvolutiveNMF(Model):
    """Nonnegative matrix factor deconvolution, ``V[:, t] ≈ Σ_l W_l H[:, t - l]``.

    Parameters
    ----------
    patches : array (F, C, L)
        Each component's spectra from its onset on; ``patches[:, :, l]`` is W_l.
    activations : array (C, T)
        How strong each component sets in, in each frame.
    n_iter : int
        Iterations that were run.
    labels : sequence of length C, optional
        What each component stands for.
    """

    patches: Array
    activations: Array
    n_iter: int = 0
    labels: Sequence | None = field(default=None, kw_only=True)

    @property
    def templates(self) -> Array:
        """Each component's spectra summed over its duration, (F, C)."""
        return self.patches.sum(-1)

    @property
    def shape(self) -> tuple[int, int]:
        """The data's shape, (F, T)."""
        return len(self.patches), self.activations.shape[1]

    @property
    def n_parameters(self) -> int:
        """Numbers that the model is made of."""
        return size_of(self.patches) + size_of(self.activations)

    def reconstruct(self, gains: Array | None = None) -> Array:
        """The model's approximation of the data; see `Model.reconstruct`.

        Parameters
        ----------
        gains : array (C,) or (C, T), optional
            What to multiply each component's activations with: a gain is that of what
            sets in at a frame, for as long as it lasts.

        Returns
        -------
        array (F, T)
            Of the data's shape.
        """
        H = with_gains(self.activations, gains)
        return in_rows(self.patches).mT @ delayed(H, self.patches.shape[2])

    def loudness(self) -> Array:
        """How much each component contributes to each frame; see `Model.loudness`.

        Returns
        -------
        array (C, T)
        """
        n_patches, length = self.patches.shape[1:]
        heard = delayed(self.activations, length).reshape(n_patches, length, -1)
        return (self.patches.sum(0)[:, :, None] * heard).sum(1)

    def _norms(self):
        return norms_of(self.patches)


class ConvolutiveProblem(Problem):
    """The patches' half problem is on Vᵀ, with the delayed activations held.

    The activations have the gradient that the delayed ones have, summed over delays.

    A subclass may have patches sound in several ways, each with activations of its own:
    it names the factor that has these, a row a patch and way, and says in `spectra`
    what sounds, and in `taken_back` what the patches have of its gradient.
    """

    has_least_squares = False
    data_block = "patches"
    onsets = "activations"

    def __init__(self, V, blocks, *arguments, **options):
        # in memory as (C, L, F), so that both a spectrum and a whole patch are a row
        rows = contiguous(permute(blocks["patches"], (1, 2, 0)))
        blocks["patches"] = permute(rows, (2, 0, 1))
        super().__init__(V, blocks, *arguments, **options)
        self.length = rows.shape[1]

    @classmethod
    def start(cls, V, shapes, init, rng):
        n_frequencies, rank, length = shapes["patches"]
        spread = spread_of(V, rank * length, 2)
        if init == "random":
            return {
                n: random_factor(rng, s, spread, V.dtype) for n, s in shapes.items()
            }
        # a column is the stretch of V from one frame on
        stretches = np.lib.stride_tricks.sliding_window_view(V, length, 1)
        X = stretches.transpose(0, 2, 1).reshape(n_frequencies * length, -1)
        H = np.empty(shapes["activations"])
        if init != "data":
            W, H[:, : X.shape[1]] = pair_of(X, rank, init, rng)
            H[:, X.shape[1] :] = H[:, : X.shape[1]].mean(1, keepdims=True)
            H /= length  # of the stretches that a frame is in, each has a part
        else:
            W = spread * data_templates(X, rank, rng)
            H = random_factor(rng, H.shape, spread)
        W = W.reshape(n_frequencies, length, rank).transpose(0, 2, 1)
        return {"patches": W, "activations": H}

    @classmethod
    def model(cls, factors, n_iter):
        return ConvolutiveNMF(factors["patches"], factors["activations"], n_iter)

    def as_moving(self, name, block):
        if name != "patches":
            return block.reshape(-1, block.shape[-1])
        rows = permute(block, (1, 2, 0))
        return rows.reshape(len(rows), -1)

    def as_data(self, name, array):
        return array.mT if name == "patches" else array

    def spectra(self):
        """All that sounds, as rows, (rows of the onsets × L, F)."""
        return in_rows(self.blocks["patches"])

    def taken_back(self, part):
        """Of a part of the gradient by `spectra`, what the patches have, (C, L F)."""
        return part.reshape(-1, self.length * len(self.V))

    def half(self, name):
        W = self.spectra()
        H = self.as_moving(self.onsets, self.blocks[self.onsets])
        S, X = delayed(H, self.length), self.as_data(name, self.V)
        return (X, S.mT, W) if name == "patches" else (X, W.mT, S)

    def terms(self, name):
        positive, negative, _ = super().terms(name)
        negative = library_of(positive).broadcast_to(negative, positive.shape)
        parts = positive, negative
        if name == "patches":
            parts = (self.taken_back(part) for part in parts)
        else:
            parts = (advanced(part, self.length) for part in parts)
        return *parts, self.as_moving(name, self.blocks[name])

    def plain_mu(self, name):
        if name == "patches":
            return super().plain_mu(name)
        self.mu_by_terms(name)


def norms_of(patches):
    """The ℓ2 norm of each whole pattern, (C,)."""
    rows = permute(patches, (1, 0, 2)).reshape(patches.shape[1], -1)
    return row_norms(rows)[:, 0]


def in_rows(patches):
    """The spectra as rows, (C L, F): all of one pattern's, then the next one's."""
    return permute(patches, (1, 2, 0)).reshape(-1, len(patches))


def delayed(H, length):
    """The activations (C, T) delayed by 0, 1, … L - 1 frames, (C L, T)."""
    C, T = H.shape
    S = library_of(H).zeros((C, length, T), dtype=H.dtype, device=H.device)
    for delay in range(length):
        S[:, delay, delay:] = H[:, : T - delay]
    return S.reshape(-1, T)


def advanced(S, length):
    """What is (C L, T) like the delayed, brought back in time and summed, (C, T)."""
    S = S.reshape(-1, length, S.shape[-1])
    H = 1 * S[:, 0]
    for delay in range(1, length):
        H[:, :-delay] += S[:, delay, delay:]
    return H
