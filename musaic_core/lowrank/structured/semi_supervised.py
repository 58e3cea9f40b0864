"""NMF of which some templates are held and others free, with any β-divergence.

The updates, and why they never raise the objective, are derived in
docs/structured_factorizations.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Unpack

import numpy as np

from musaic_core.lowrank.arrays import copy_like, floating, in_library_of, library_of
from musaic_core.lowrank.checks import check_count, check_nonnegative
from musaic_core.lowrank.models import NMF, Model, size_of
from musaic_core.lowrank.options import Options
from musaic_core.lowrank.problem import Problem
from musaic_core.lowrank.run import minimise
from musaic_core.lowrank.starts import random_factor, spread_of

__all__ = ["SemiSupervisedNMF", "semi_supervised_nmf"]

Array = Any


def semi_supervised_nmf(
    V: Array,
    held: Array,
    rank: int,
    *,
    init: str | tuple[Array | None, Array | None] | Model = "random",
    **options: Unpack[Options],
) -> SemiSupervisedNMF:
    """Factorize with templates that are known, and others for what they do not explain.

    ``V ≈ held @ H[:C] + templates @ H[C:]``: a dictionary of what is looked for, or of
    what is to be removed, beside free templates for the rest.

    Parameters
    ----------
    V : array (F, T)
        Nonnegative; NumPy or PyTorch, on any device. float32 and float64 are kept,
        other dtypes become float64.
    held : array (F, C)
        Nonnegative templates. They stay what they are.
    rank : int
        Number of free templates R.
    init : "random", pair of arrays or model, default="random"
        Of free templates and all activations, (F, R) and (C + R, T); one that is None
        is drawn at random. A model that this gave goes on from where it is.
    **options : Options
        beta, update, fixed, mask, penalties, data_weights, max_iter, tol, n_starts and
        so on: see `musaic_core.lowrank.options.Options`. The factors are named
        "templates", which are the free ones, and "activations", which are all; the
        updates are "mu" and "mu-extrapolated".

    Returns
    -------
    SemiSupervisedNMF
        Templates (F, C + R), the held ones first, and activations (C + R, T).

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.
    TypeError
        Names keyword arguments that are none of those above.

    References
    ----------
    Smaragdis, Raj and Shashanka, "Supervised and semi-supervised separation of sounds
    from single-channel mixtures", ICA 2007.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> V, held = rng.random((80, 90)), rng.random((80, 5))
    >>> model = semi_supervised_nmf(V, held, 3, seed=0)
    >>> model.templates.shape, model.activations.shape
    ((80, 8), (8, 90))
    """
    shape = np.shape(V)
    if len(shape) != 2:
        raise ValueError(f"V has {len(shape)} axes; give a matrix (F, T)")
    held = floating(held, "held")
    if held.ndim != 2 or held.shape[0] != shape[0]:
        raise ValueError(
            f"held has shape {tuple(held.shape)}; give templates of V's {shape[0]} "
            "rows, (F, C)"
        )
    check_nonnegative(held, "held")
    rank = check_count(rank, "rank")
    shapes = {
        "templates": (shape[0], rank),
        "activations": (held.shape[1] + rank, shape[1]),
    }
    order = "activations", "templates"
    given = {"held": held}
    return minimise(SemiSupervisedProblem, V, shapes, order, init, given, **options)


@dataclass(eq=False)
class SemiSupervisedNMF(NMF):
    """An NMF whose first templates were given.

    Parameters
    ----------
    templates : array (F, C + R)
        The held ones, and the free ones.
    activations : array (C + R, T)
        How strong each template is in each frame.
    n_iter : int
        Iterations that were run.
    labels : sequence of length C + R, optional
        What each component stands for.
    n_held : int
        The C that were given.
    """

    n_held: int = field(kw_only=True)

    @property
    def n_parameters(self) -> int:
        """Numbers that were learned: free templates, and activations."""
        return size_of(self.templates[:, self.n_held :]) + size_of(self.activations)


class SemiSupervisedProblem(Problem):
    """An NMF's half problems; of the templates' gradient, the free ones have a part."""

    starts = ("random",)
    has_least_squares = False
    data_block = "activations"

    def __init__(self, V, *arguments, held, **options):
        super().__init__(V, *arguments, **options)
        self.held = copy_like(held, V)
        self.n_held = held.shape[1]

    @classmethod
    def find_scales(cls, scale, wanted, names, moving, **_):
        # held templates stay as they are, and so do the free ones beside them
        return {"templates": 1.0, "activations": scale}

    @classmethod
    def start(cls, V, shapes, init, rng, held):
        # free templates as large as the held ones, and the model of V's size
        size = float(held.mean()) or 1.0
        loudness = spread_of(V, shapes["activations"][0], 1) / size
        scales = {"templates": size, "activations": loudness}
        return {n: random_factor(rng, shapes[n], s, V.dtype) for n, s in scales.items()}

    def model(self, factors, n_iter):
        held = in_library_of(factors["templates"], self.held)
        W = _beside(held, factors["templates"])
        return SemiSupervisedNMF(W, factors["activations"], n_iter, n_held=self.n_held)

    def as_moving(self, name, block):
        return block if name == "activations" else block.mT

    def as_data(self, name, array):
        return array if name == "activations" else array.mT

    def half(self, name):
        W = _beside(self.held, self.blocks["templates"])
        H, X = self.blocks["activations"], self.as_data(name, self.V)
        return (X, W, H) if name == "activations" else (X, H.mT, W.mT)

    def terms(self, name):
        *parts, _ = super().terms(name)
        if name == "templates":
            parts = (part[self.n_held :] for part in parts)
        return *parts, self.as_moving(name, self.blocks[name])

    def plain_mu(self, name):
        if name == "activations":
            return super().plain_mu(name)
        self.mu_by_terms(name)

    def lengths(self, block):
        lengths = super().lengths(block)
        norms = (self.held * self.held).sum(0)[None] ** 0.5
        # what is held is of no penalty on the templates
        norms = 0 * norms if block == "templates" else norms
        return lengths | {"templates": _beside(norms, lengths["templates"])}

    def coupling(self, name, lengths):
        coupled = super().coupling(name, lengths)
        return coupled if name == "activations" else coupled[self.n_held :]


def _beside(first, second):
    return library_of(first).concatenate((first, second), 1)
