"""NMF whose templates are sums of given narrow-band spectra, with any β-divergence.

The updates, and why they never raise the objective, are derived in
docs/structured_factorizations.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Unpack

import numpy as np

from musaic_core.lowrank.arrays import (
    contiguous,
    copy_like,
    floating,
    in_library_of,
    permute,
)
from musaic_core.lowrank.checks import check_nonnegative, near_one
from musaic_core.lowrank.models import Model, size_of
from musaic_core.lowrank.options import Options
from musaic_core.lowrank.problem import Problem
from musaic_core.lowrank.run import minimise
from musaic_core.lowrank.starts import random_factor, spread_of

__all__ = ["HarmonicNMF", "harmonic_nmf"]

Array = Any


def harmonic_nmf(
    V: Array,
    bands: Array,
    *,
    init: str | tuple[Array | None, Array | None] | Model = "random",
    **options: Unpack[Options],
) -> HarmonicNMF:
    """Factorize with templates ``w_p = Σ_k E[p, k] bands[:, p, k]``, ``V ≈ W H``.

    A template, of a pitch for instance, is a sum of spectra that are given, such as
    those of neighbouring partials, and how much of each it has is learned: its
    envelope. So it can be nothing but what it is given for. An iteration costs what
    one of an NMF with P templates does, and 8 F P K operations for the envelopes.

    Parameters
    ----------
    V : array (F, T)
        Nonnegative; NumPy or PyTorch, on any device. float32 and float64 are kept,
        other dtypes become float64.
    bands : array (F, P, K)
        Nonnegative spectra, K for each of P templates; they stay what they are. One
        that is zero throughout is not used.
    init : "random", pair of arrays or model, default="random"
        Of envelope and activations, (P, K) and (P, T), one may be None: it is then
        drawn at random. A model that this gave goes on from where it is.
    **options : Options
        beta, update, fixed, mask, penalties, data_weights, max_iter, tol, n_starts and
        so on: see `musaic_core.lowrank.options.Options`. The factors are named
        "envelope" and "activations", and the updates are "mu" and "mu-extrapolated".
        `Sparsity` counts activations with the length of the envelope's row.

    Returns
    -------
    HarmonicNMF
        Envelope (P, K) and activations (P, T).

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.
    TypeError
        Names keyword arguments that are none of those above.

    References
    ----------
    Vincent, Bertin and Badeau, "Adaptive harmonic spectral decomposition for multiple
    pitch estimation", IEEE Transactions on Audio, Speech, and Language Processing 18
    (3), 2010. Févotte and Idier, Neural Computation 23 (9), 2011 (the majorization).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> model = harmonic_nmf(rng.random((80, 90)), rng.random((80, 12, 4)), seed=0)
    >>> model.templates.shape, model.envelope.shape, model.activations.shape
    ((80, 12), (12, 4), (12, 90))
    """
    shape = np.shape(V)
    if len(shape) != 2:
        raise ValueError(f"V has {len(shape)} axes; give a matrix (F, T)")
    bands = floating(bands, "bands")
    if bands.ndim != 3 or bands.shape[0] != shape[0]:
        raise ValueError(
            f"bands has shape {tuple(bands.shape)}; give one of V's {shape[0]} rows, "
            "the templates and the bands of each, (F, P, K)"
        )
    check_nonnegative(bands, "bands")
    _, n_templates, n_bands = bands.shape
    shapes = {
        "envelope": (n_templates, n_bands),
        "activations": (n_templates, shape[1]),
    }
    order = "activations", "envelope"
    bands, size = near_one(bands)
    given = {"bands": bands, "size": size}
    return minimise(HarmonicProblem, V, shapes, order, init, given, **options)


@dataclass(eq=False)
class HarmonicNMF(Model):
    """An NMF whose templates are sums of given spectra.

    Parameters
    ----------
    bands : array (F, P, K)
        The spectra that were given.
    envelope : array (P, K)
        How much of each its template has.
    activations : array (P, T)
        How strong each template is in each frame.
    n_iter : int
        Iterations that were run.
    labels : sequence of length P, optional
        What each template stands for.
    """

    bands: Array
    envelope: Array
    activations: Array
    n_iter: int = 0
    labels: Sequence | None = field(default=None, kw_only=True)

    @property
    def templates(self) -> Array:
        """The sums of spectra, (F, P)."""
        return _templates(self.bands, self.envelope)

    @property
    def shape(self) -> tuple[int, int]:
        """The data's shape, (F, T)."""
        return len(self.bands), self.activations.shape[1]

    @property
    def n_parameters(self) -> int:
        """Numbers that were learned: those of the envelope and the activations."""
        return size_of(self.envelope) + size_of(self.activations)


class HarmonicProblem(Problem):
    """The activations' half problem is an NMF's; the envelope is seen through W.

    As W is linear in the envelope, so is the model, and the envelope's gradient is
    that by W, contracted with the bands. Those given were multiplied with `size`.
    """

    starts = ("random",)
    has_least_squares = False
    data_block = "activations"

    def __init__(self, V, *arguments, bands, size=1.0, **options):
        super().__init__(V, *arguments, **options)
        self.bands, self.of_bands = copy_like(bands, V), size
        self.spectra = contiguous(permute(self.bands, (1, 0, 2)))  # (P, F, K)
        self.sums = self.spectra.sum(1)

    @classmethod
    def find_scales(cls, scale, wanted, names, moving, size, **_):
        return super().find_scales(scale / size, wanted, names, moving)

    @classmethod
    def start(cls, V, shapes, init, rng, bands, size):
        # so that templates times activations are of V's size
        spread = spread_of(V, shapes["envelope"][0], 1) / float(bands.mean() or 1)
        n_bands = shapes["envelope"][1]
        return {
            "envelope": random_factor(rng, shapes["envelope"], 1 / n_bands, V.dtype),
            "activations": random_factor(rng, shapes["activations"], spread, V.dtype),
        }

    def model(self, factors, n_iter):
        bands = in_library_of(factors["envelope"], self.bands) / self.of_bands
        return HarmonicNMF(bands, factors["envelope"], factors["activations"], n_iter)

    def as_moving(self, name, block):
        return block

    def as_data(self, name, array):
        return array if name == "activations" else array.mT

    def half(self, name):
        W = (self.spectra @ self.envelope()[:, :, None])[:, :, 0].mT
        H = self.blocks["activations"]
        X = self.as_data(name, self.V)
        return (X, W, H) if name == "activations" else (X, H.mT, W.mT)

    def terms(self, name):
        if name == "activations":
            return super().terms(name)
        # the gradient by the templates, (P, F) or (P, 1), and each band's share of it
        *parts, _ = super().terms(name)
        shares = (self._share(part) for part in parts)
        return *shares, self.blocks[name]

    def plain_mu(self, name):
        if name == "activations":
            return super().plain_mu(name)
        self.mu_by_terms(name)

    def envelope(self):
        """How much of each spectrum a template has, (P, K)."""
        return self.blocks["envelope"]

    def _share(self, part):
        if part.shape[1] == 1:
            return part * self.sums
        return (part[:, None] @ self.spectra)[:, 0]


def _templates(bands, envelope):
    return (bands * envelope).sum(-1)
