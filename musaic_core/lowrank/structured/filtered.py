"""A dictionary heard through a filter: NMF with given templates, and any β-divergence.

The updates, and why they never raise the objective, are derived in
docs/structured_factorizations.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Unpack

import numpy as np

from musaic_core.lowrank.arrays import (
    contiguous,
    copy_like,
    floating,
    in_library_of,
    library_of,
)
from musaic_core.lowrank.checks import check_nonnegative, near_one
from musaic_core.lowrank.models import Model, size_of
from musaic_core.lowrank.options import Options
from musaic_core.lowrank.problem import Problem
from musaic_core.lowrank.run import minimise
from musaic_core.lowrank.starts import random_factor, spread_of
from musaic_core.lowrank.structured.convolutive import (
    ConvolutiveNMF,
    advanced,
    delayed,
    in_rows,
)

__all__ = ["FilteredNMF", "filtered_nmf"]

Array = Any


def filtered_nmf(
    V: Array,
    patches: Array,
    bands: Array,
    *,
    init: str | tuple[Array | None, Array | None] | Model = "random",
    **options: Unpack[Options],
) -> FilteredNMF:
    """Factorize with given templates and a filter that they share.

    ``V[f, t] ≈ r[f] Σ_l patches[f, :, l] H[:, t - l]`` with ``r = bands @ filter``. A
    dictionary comes from other instruments, rooms and microphones than the recording;
    much of that is one response, which this finds. It can be no finer than its bands,
    so what is a peak in V is told by the dictionary. An iteration costs what one of a
    convolutive NMF does, of C patches of L frames.

    Parameters
    ----------
    V : array (F, T)
        Nonnegative; NumPy or PyTorch, on any device. float32 and float64 are kept,
        other dtypes become float64.
    patches : array (F, C, L) or (F, C)
        Nonnegative spectra of the dictionary's entries, over L frames from their onsets
        on, or one each. They stay what they are.
    bands : array (F, K)
        Nonnegative responses that the filter's is a sum of, such as overlapping bands.
    init : "random", pair of arrays or model, default="random"
        Of filter and activations, (K,) and (C, T), one may be None: the filter then is
        flat, activations are drawn at random. A model that this gave goes on from where
        it is.
    **options : Options
        beta, update, fixed, mask, penalties, data_weights, max_iter, tol, n_starts and
        so on: see `musaic_core.lowrank.options.Options`. The factors are named "filter"
        and "activations", and the updates are "mu" and "mu-extrapolated". `Sparsity`
        counts activations with the length of the filter.

    Returns
    -------
    FilteredNMF
        Filter (K,) and activations (C, T).

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.
    TypeError
        Names keyword arguments that are none of those above.

    References
    ----------
    Virtanen and Klapuri, "Analysis of polyphonic audio using source-filter model and
    non-negative matrix factorization", NIPS workshop on advances in models for acoustic
    processing, 2006. Durrieu, David and Richard, "A musically motivated mid-level
    representation for pitch estimation and musical audio source separation", IEEE
    Journal of Selected Topics in Signal Processing 5 (6), 2011 (smooth filters).
    Févotte and Idier, Neural Computation 23 (9), 2011 (the majorization).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> V, patches, bands = rng.random((80, 90)), rng.random((80, 12, 4)), np.eye(80)
    >>> model = filtered_nmf(V, patches, bands, seed=0)
    >>> model.response.shape, model.patches.shape, model.activations.shape
    ((80,), (80, 12, 4), (12, 90))
    """
    shape = np.shape(V)
    if len(shape) != 2:
        raise ValueError(f"V has {len(shape)} axes; give a matrix (F, T)")
    patches, bands = floating(patches, "patches"), floating(bands, "bands")
    if patches.ndim == 2:
        patches = patches[:, :, None]
    if patches.ndim != 3 or patches.shape[0] != shape[0]:
        raise ValueError(
            f"patches has shape {tuple(patches.shape)}; give spectra of V's {shape[0]} "
            "rows, (F, C) or over some frames (F, C, L)"
        )
    if not 1 <= patches.shape[2] <= shape[1]:
        raise ValueError(
            f"patches last {patches.shape[2]} frames, and V has {shape[1]} columns; "
            "give one frame at least, and as many as V has at most"
        )
    if bands.ndim != 2 or bands.shape[0] != shape[0]:
        raise ValueError(
            f"bands has shape {tuple(bands.shape)}; give responses of V's {shape[0]} "
            "rows, (F, K)"
        )
    check_nonnegative(patches, "patches")
    check_nonnegative(bands, "bands")
    shapes = {"filter": bands.shape[1:], "activations": (patches.shape[1], shape[1])}
    order = "activations", "filter"
    (patches, of_patches), (bands, of_bands) = near_one(patches), near_one(bands)
    given = {"patches": patches, "bands": bands, "sizes": (of_patches, of_bands)}
    return minimise(FilteredProblem, V, shapes, order, init, given, **options)


@dataclass(eq=False)
class FilteredNMF(ConvolutiveNMF):
    """A convolutive NMF whose patches are given ones, heard through a filter.

    Parameters
    ----------
    patches : array (F, C, L)
        The spectra that were given, times the filter's response.
    activations : array (C, T)
        How strong each entry sets in, in each frame.
    n_iter : int
        Iterations that were run.
    labels : sequence of length C, optional
        What each entry stands for.
    bands : array (F, K)
        The responses that were given.
    filter : array (K,)
        How much of each the response has.
    """

    bands: Array = field(kw_only=True)
    filter: Array = field(kw_only=True)

    @property
    def response(self) -> Array:
        """The filter's response, (F,)."""
        return self.bands @ self.filter

    @property
    def n_parameters(self) -> int:
        """Numbers that were learned: those of the filter and the activations."""
        return size_of(self.filter) + size_of(self.activations)


class FilteredProblem(Problem):
    """The activations' half problem is a convolutive NMF's.

    The filter is seen through the patches, which are linear in it: its gradient is
    that by the patches, contracted with the given ones and with the bands. Those given
    were multiplied with `sizes`.
    """

    starts = ("random",)
    has_least_squares = False
    data_block = "activations"

    def __init__(self, V, *arguments, patches, bands, sizes=(1.0, 1.0), **options):
        super().__init__(V, *arguments, **options)
        self.length, self.sizes = patches.shape[2], sizes
        self.patches, self.bands = copy_like(patches, V), copy_like(bands, V)
        self.rows = contiguous(in_rows(self.patches))  # (C L, F)

    @classmethod
    def find_scales(cls, scale, wanted, names, moving, sizes, **_):
        # a filter that is not given has a response near 1
        wanted = {"filter": 1 / sizes[1], **wanted}
        return super().find_scales(scale / math.prod(sizes), wanted, names, moving)

    @classmethod
    def start(cls, V, shapes, init, rng, patches, bands, sizes):
        n_patches, n_frames = shapes["activations"]
        # so that the model is of V's size
        size = float(patches.mean() * bands.mean()) * shapes["filter"][0] or 1.0
        spread = spread_of(V, n_patches * patches.shape[2], 1) / size
        activations = random_factor(rng, (n_patches, n_frames), spread, V.dtype)
        return {
            "filter": np.ones(shapes["filter"], V.dtype),
            "activations": activations,
        }

    def model(self, factors, n_iter):
        filter, H = factors["filter"], factors["activations"]
        patches, bands = (
            in_library_of(H, array) / size
            for array, size in zip((self.patches, self.bands), self.sizes, strict=True)
        )
        patches = patches * (bands @ filter)[:, None, None]
        return FilteredNMF(patches, H, n_iter, bands=bands, filter=filter)

    def as_moving(self, name, block):
        return block if name == "activations" else block[None]

    def as_data(self, name, array):
        return array if name == "activations" else array.mT

    def half(self, name):
        W = self.rows * (self.bands @ self.blocks["filter"])
        S = delayed(self.blocks["activations"], self.length)
        X = self.as_data(name, self.V)
        return (X, W.mT, S) if name == "activations" else (X, S.mT, W)

    def terms(self, name):
        positive, negative, _ = super().terms(name)
        B = self.as_moving(name, self.blocks[name])
        if name == "activations":
            negative = library_of(positive).broadcast_to(negative, positive.shape)
            return advanced(positive, self.length), advanced(negative, self.length), B
        # the gradient by the patches, (C L, F) or (C L, 1), and each band's share of it
        shares = ((self.rows * part).sum(0) for part in (positive, negative))
        return *(share[None] @ self.bands for share in shares), B

    def plain_mu(self, name):
        self.mu_by_terms(name)

    def coupling(self, name, lengths):
        coupled = super().coupling(name, lengths)
        # all components go through the one filter
        return coupled if name == "activations" else coupled.sum(0, keepdims=True)
