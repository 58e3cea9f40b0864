"""A voice of given sources through smooth filters, beside an NMF, for any β-divergence.

The updates, and why they never raise the objective, are derived in
docs/structured_factorizations.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Unpack

import numpy as np

from musaic_core.lowrank.arrays import copy_like, floating, in_library_of, library_of
from musaic_core.lowrank.checks import check_count, check_nonnegative
from musaic_core.lowrank.models import NMF, Model, size_of, with_gains
from musaic_core.lowrank.options import Options
from musaic_core.lowrank.run import minimise
from musaic_core.lowrank.starts import random_factor, spread_of
from musaic_core.lowrank.structured.entries import EntriesProblem

__all__ = ["SourceFilterNMF", "source_filter_nmf"]

Array = Any


def source_filter_nmf(
    V: Array,
    sources: Array,
    bands: Array,
    n_filters: int,
    rank: int,
    *,
    init: str | Sequence[Array | None] | Model = "random",
    **options: Unpack[Options],
) -> SourceFilterNMF:
    """Factorize into a voice, whose filter moves, and an accompaniment.

    ``V ≈ (bands @ filters @ filter_activations) * (sources @ source_activations) +
    templates @ activations``. In a frame the voice is a sum of given spectra, such as
    the combs of all pitches, times a response, such as that of a vowel, which is a sum
    of given bands and so as smooth as these. The accompaniment is an NMF.

    Parameters
    ----------
    V : array (F, T)
        Nonnegative; NumPy or PyTorch, on any device. float32 and float64 are kept,
        other dtypes become float64.
    sources : array (F, S)
        Nonnegative spectra that the voice's source is a sum of.
    bands : array (F, P)
        Nonnegative responses that each filter's is a sum of, such as overlapping bands.
    n_filters : int
        Number of filters K.
    rank : int
        Number of templates R of the accompaniment.
    init : "random", five arrays or model, default="random"
        Of filters (P, K), filter_activations (K, T), source_activations (S, T),
        templates (F, R) and activations (R, T); those that are None are drawn at
        random. A part whose activations are zero stays silent. A model that this gave
        goes on from where it is.
    **options : Options
        beta, update, fixed, mask, penalties, data_weights, max_iter, tol, n_starts and
        so on: see `musaic_core.lowrank.options.Options`. The factors are named as
        above, and the updates are "mu" and "mu-extrapolated". `Sparsity` is for the
        accompaniment's factors alone.

    Returns
    -------
    SourceFilterNMF
        Whose components are the R templates and, after them, the S sources.

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.
    TypeError
        Names keyword arguments that are none of those above.

    References
    ----------
    Durrieu, Richard, David and Févotte, "Source/filter model for unsupervised main
    melody extraction from polyphonic audio signals", IEEE Transactions on Audio,
    Speech, and Language Processing 18 (3), 2010. Durrieu, David and Richard, "A
    musically motivated mid-level representation for pitch estimation and musical audio
    source separation", IEEE Journal of Selected Topics in Signal Processing 5 (6),
    2011. Févotte and Idier, Neural Computation 23 (9), 2011 (the majorization).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> V, sources, bands = (rng.random((80, n)) for n in (90, 12, 6))
    >>> model = source_filter_nmf(V, sources, bands, 2, 4, seed=0)
    >>> model.response.shape, model.templates.shape, model.activations.shape
    ((80, 90), (80, 16), (16, 90))
    """
    shape = np.shape(V)
    if len(shape) != 2:
        raise ValueError(f"V has {len(shape)} axes; give a matrix (F, T)")
    sources, bands = floating(sources, "sources"), floating(bands, "bands")
    for name, array in (("sources", sources), ("bands", bands)):
        if array.ndim != 2 or array.shape[0] != shape[0]:
            raise ValueError(
                f"{name} has shape {tuple(array.shape)}; give one column for each, of "
                f"V's {shape[0]} rows"
            )
        check_nonnegative(array, name)
    n_filters, rank = check_count(n_filters, "n_filters"), check_count(rank, "rank")
    shapes = {
        "filters": (bands.shape[1], n_filters),
        "filter_activations": (n_filters, shape[1]),
        "source_activations": (sources.shape[1], shape[1]),
        "templates": (shape[0], rank),
        "activations": (rank, shape[1]),
    }
    order = *ACCOMPANIMENT, *VOICE
    given = {"sources": sources, "bands": bands}
    return minimise(SourceFilterProblem, V, shapes, order, init, given, **options)


# in the order in which they move
ACCOMPANIMENT = "activations", "templates"
VOICE = "source_activations", "filter_activations", "filters"


@dataclass(eq=False)
class SourceFilterNMF(Model):
    """A voice of sources through filters, and an NMF beside it.

    Its components are the templates of the accompaniment and, after them, the sources.

    Parameters
    ----------
    sources : array (F, S)
        The spectra that were given.
    bands : array (F, P)
        The responses that were given.
    filters : array (P, K)
        How much of each band a filter has.
    filter_activations : array (K, T)
        How much of each filter the voice goes through in each frame.
    source_activations : array (S, T)
        How strong each source is in each frame.
    accompaniment : NMF
        Of rank R.
    n_iter : int
        Iterations that were run.
    labels : sequence of length R + S, optional
        What each component stands for.
    """

    sources: Array
    bands: Array
    filters: Array
    filter_activations: Array
    source_activations: Array
    accompaniment: NMF
    n_iter: int = 0
    labels: Sequence | None = field(default=None, kw_only=True)

    @property
    def response(self) -> Array:
        """What the voice goes through in each frame, (F, T)."""
        return self.bands @ (self.filters @ self.filter_activations)

    @property
    def templates(self) -> Array:
        """The accompaniment's, and each source's mean spectrum, (F, R + S)."""
        E = self.source_activations
        heard = self.sources * (self.response @ E.mT) / (E.sum(1) + 1e-30)
        return _beside(self.accompaniment.templates, heard, 1)

    @property
    def activations(self) -> Array:
        """The accompaniment's and the sources', (R + S, T)."""
        return _beside(self.accompaniment.activations, self.source_activations, 0)

    @property
    def shape(self) -> tuple[int, int]:
        """The data's shape, (F, T)."""
        return self.accompaniment.shape

    @property
    def n_parameters(self) -> int:
        """Numbers that were learned."""
        voice = self.filters, self.filter_activations, self.source_activations
        return sum(map(size_of, voice)) + self.accompaniment.n_parameters

    def reconstruct(self, gains: Array | None = None) -> Array:
        """The model's approximation of the data; see `Model.reconstruct`.

        Parameters
        ----------
        gains : array (R + S,) or (R + S, T), optional
            What to multiply each component's activations with.

        Returns
        -------
        array (F, T)
            Of the data's shape.
        """
        activations, rank = with_gains(self.activations, gains), self._rank
        voice = self.response * (self.sources @ activations[rank:])
        return voice + self.accompaniment.templates @ activations[:rank]

    def loudness(self) -> Array:
        """How much each component contributes to each frame; see `Model.loudness`.

        Returns
        -------
        array (R + S, T)
        """
        heard = self.source_activations * (self.sources.mT @ self.response)
        return _beside(self.accompaniment.loudness(), heard, 0)

    @property
    def _rank(self):
        return len(self.accompaniment.activations)


class SourceFilterProblem(EntriesProblem):
    """The model is linear in each of its five blocks with the others held."""

    parts = ACCOMPANIMENT, VOICE

    def __init__(self, V, *arguments, sources, bands, **options):
        super().__init__(V, *arguments, **options)
        self.sources, self.bands = copy_like(sources, V), copy_like(bands, V)
        self._heard = None  # the source before its filters, as long as it stays

    @classmethod
    def start(cls, V, shapes, init, rng, sources, bands):
        # the response is about 1, and the voice and the accompaniment half of V each
        n_bands, n_filters = shapes["filters"]
        n_sources = shapes["source_activations"][0]
        response = 1 / (float(bands.mean()) * n_bands * n_filters or 1.0)
        voice = spread_of(V, 2 * n_sources, 1) / (float(sources.mean()) or 1.0)
        spread = spread_of(V, 2 * shapes["activations"][0], 2)
        scales = {
            "filters": response**0.5,
            "filter_activations": response**0.5,
            "source_activations": voice,
            "templates": spread,
            "activations": spread,
        }
        return {n: random_factor(rng, shapes[n], s, V.dtype) for n, s in scales.items()}

    def model(self, factors, n_iter):
        voice = {name: factors[name] for name in VOICE}
        given = (
            in_library_of(factors["filters"], a) for a in (self.sources, self.bands)
        )
        accompaniment = NMF(factors["templates"], factors["activations"], n_iter)
        return SourceFilterNMF(
            *given, **voice, accompaniment=accompaniment, n_iter=n_iter
        )

    def as_moving(self, name, block):
        return block.mT if name in ("templates", "filters") else block

    def approximation(self):
        return self._response() * self._source() + (
            self.blocks["templates"] @ self.blocks["activations"]
        )

    def taken_back(self, name, entries):
        if name == "activations":
            return self.blocks["templates"].mT @ entries
        if name == "templates":
            return self.blocks["activations"] @ entries.mT
        if name == "source_activations":
            return self.sources.mT @ (self._response() * entries)
        entries = self._source() * entries
        if name == "filter_activations":
            return (self.bands @ self.blocks["filters"]).mT @ entries
        return (self.blocks["filter_activations"] @ entries.mT) @ self.bands

    def _response(self):
        responses = self.bands @ self.blocks["filters"]
        return responses @ self.blocks["filter_activations"]

    def _source(self):
        if self._heard is None:
            self._heard = self.sources @ self.blocks["source_activations"]
        return self._heard

    def moved(self, name):
        if name == "source_activations":
            self._heard = None

    extrapolated = moved

    def lengths(self, block):
        if block in VOICE:
            raise ValueError(
                f"penalties[{block!r}] is Sparsity, and the scale between the voice's "
                "sources and filters is free in each frame; give it for 'templates' or "
                "'activations', or give a mask"
            )
        lengths = super().lengths(block)
        return {name: lengths[name] for name in ACCOMPANIMENT}


def _beside(first, second, axis):
    return library_of(first).concatenate((first, second), axis)
