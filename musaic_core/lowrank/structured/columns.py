"""NMF whose templates are columns of the data, or mixtures of them; any β-divergence.

The updates, and why they never raise the objective, are derived in
docs/structured_factorizations.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Unpack

import numpy as np

from musaic_core.lowrank.arrays import in_library_of
from musaic_core.lowrank.checks import check_choice, check_count
from musaic_core.lowrank.missing import observed
from musaic_core.lowrank.models import NMF, Model, size_of
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.options import Options, complete
from musaic_core.lowrank.problem import Problem
from musaic_core.lowrank.run import minimise
from musaic_core.lowrank.starts import SEPARABLE, random_factor

__all__ = ["ConvexNMF", "SeparableNMF", "convex_nmf", "separable_nmf"]

Array = Any


@dataclass(eq=False)
class SeparableNMF(NMF):
    """An NMF whose templates are columns of the data.

    Parameters
    ----------
    templates : array (F, C)
        One spectrum a column.
    activations : array (C, T)
        How strong each template is in each frame.
    n_iter : int
        Iterations that were run.
    columns : list of int
        Which column of the data each template is.
    labels : sequence of length C, optional
        What each component stands for.
    """

    columns: list[int] = field(default_factory=list)


def separable_nmf(
    V: Array, rank: int, *, method: str = "spa", **options: Unpack[Options]
) -> SeparableNMF:
    """Choose columns of V as templates, then regress: ``V ≈ V[:, J] H``.

    Where each component sounds alone in some column, and there is little noise, these
    columns are found, whatever the start. The regression is an `nmf` with templates
    held, and goes on as ``nmf(V, C, init=model, fixed=("templates",))``.

    Parameters
    ----------
    V : array (F, T)
        Nonnegative; NumPy or PyTorch.
    rank : int
        Columns to choose; fewer are taken where these span all others.
    method : {"spa", "snpa"}, default="spa"
        See `musaic_core.lowrank.spa` and `musaic_core.lowrank.snpa`.
    **options : Options
        beta, update, mask, penalties, data_weights, max_iter, tol and so on: see
        `musaic_core.lowrank.options.Options`. Where entries of V are missing, columns
        are chosen with the mean of the others in their place.

    Returns
    -------
    SeparableNMF
        Templates (F, C), activations (C, T) and which columns were chosen.

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.
    TypeError
        Names keyword arguments that are none of those above.

    References
    ----------
    Araújo et al., Chemometrics and Intelligent Laboratory Systems 57 (2), 2001. Gillis
    and Vavasis, IEEE Transactions on Pattern Analysis and Machine Intelligence 36 (4),
    2014. Gillis, SIAM Journal on Imaging Sciences 7 (2), 2014.

    Examples
    --------
    >>> import numpy as np
    >>> W = np.random.default_rng(0).random((9, 3))
    >>> V = W @ np.array([[1, 0, 0.5, 0], [0, 1, 0.5, 0], [0, 0, 0, 1]])
    >>> sorted(separable_nmf(V, 3).columns)
    [0, 1, 3]
    """
    options = complete(options)
    if options["fixed"]:
        raise ValueError("fixed is given; the templates are held, and nothing else is")
    check_choice(method, "method", SEPARABLE)
    filled, *_ = observed(V, options["data_weights"], options["missing"])
    # of silence, which needs none, the first
    columns = SEPARABLE[method](filled, rank).tolist() or [0]
    held = {"init": (filled[:, columns], None), "fixed": ("templates",)}
    found = nmf(V, len(columns), **{**options, **held})
    model = SeparableNMF(found.templates, found.activations, found.n_iter, columns)
    model.fit = found.fit
    return model


def convex_nmf(
    V: Array,
    rank: int,
    *,
    init: str | tuple[Array | None, Array | None] | Model = "random",
    **options: Unpack[Options],
) -> ConvexNMF:
    """Factorize with templates that are mixtures of V's columns, ``V ≈ V G H``.

    Templates then look like the data, and each column's part in them is known: they
    are close to the means of clusters. An iteration costs twice what an NMF's does.

    Parameters
    ----------
    V : array (F, T)
        Nonnegative; NumPy or PyTorch, on any device. float32 and float64 are kept,
        other dtypes become float64.
    rank : int
        Number of templates C.
    init : str, (mixing, activations) or ConvexNMF, default="random"
        "random", or "spa" and "snpa", which begin at columns that span the others. Of
        a pair of arrays, (T, C) and (C, T), one may be None: it is then drawn at
        random. A model that this gave goes on from where it is.
    **options : Options
        beta, update, fixed, mask, penalties, data_weights, max_iter, tol, n_starts and
        so on: see `musaic_core.lowrank.options.Options`. The factors are named "mixing"
        and "activations", and the updates are "mu" and "mu-extrapolated". A penalty
        sees what a template is mixed of as one component. Where entries of V are
        missing, templates are mixed with the mean of the others in their place.

    Returns
    -------
    ConvexNMF
        Mixing (T, C) and activations (C, T).

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.
    TypeError
        Names keyword arguments that are none of those above.

    References
    ----------
    Ding, Li and Jordan, "Convex and semi-nonnegative matrix factorizations", IEEE
    Transactions on Pattern Analysis and Machine Intelligence 32 (1), 2010 (β = 2).
    Févotte and Idier, Neural Computation 23 (9), 2011 (the majorization).

    Examples
    --------
    >>> import numpy as np
    >>> model = convex_nmf(np.random.default_rng(0).random((80, 90)), 4, seed=0)
    >>> model.templates.shape, model.mixing.shape, model.activations.shape
    ((80, 4), (90, 4), (4, 90))
    """
    shape = np.shape(V)
    if len(shape) != 2:
        raise ValueError(f"V has {len(shape)} axes; give a matrix (F, T)")
    rank = check_count(rank, "rank")
    shapes = {"mixing": (shape[1], rank), "activations": (rank, shape[1])}
    order = "activations", "mixing"
    return minimise(ConvexProblem, V, shapes, order, init, **options)


@dataclass(eq=False)
class ConvexNMF(Model):
    """An NMF whose templates are mixtures of the data's columns.

    Parameters
    ----------
    data : array (F, T)
        What was factorized.
    mixing : array (T, C)
        How much of each column a template has.
    activations : array (C, T)
        How strong each template is in each frame.
    n_iter : int
        Iterations that were run.
    labels : sequence of length C, optional
        What each template stands for.
    """

    data: Array
    mixing: Array
    activations: Array
    n_iter: int = 0
    labels: Sequence | None = field(default=None, kw_only=True)

    @property
    def templates(self) -> Array:
        """The mixtures, (F, C)."""
        return self.data @ self.mixing

    @property
    def shape(self) -> tuple[int, int]:
        """The data's shape, (F, T)."""
        return tuple(self.data.shape)

    @property
    def n_parameters(self) -> int:
        """Numbers that were learned: those of the mixing and the activations."""
        return size_of(self.mixing) + size_of(self.activations)


class ConvexProblem(Problem):
    """The activations' half problem is an NMF's; the mixing is seen through W = V G.

    W is linear in the mixing, and so is the model: the mixing's gradient is that by W,
    contracted with the data.
    """

    starts = ("random", *SEPARABLE)
    has_least_squares = False
    any_scale = False  # V is twice in a product
    data_block = "activations"

    @classmethod
    def start(cls, V, shapes, init, rng):
        n_frames, rank = shapes["mixing"]
        G = random_factor(rng, shapes["mixing"], 1 / n_frames, V.dtype)
        if init in SEPARABLE:
            columns = SEPARABLE[init](V, rank)
            G[:, : len(columns)] *= 0.1
            G[columns, np.arange(len(columns))] = 1
        H = random_factor(rng, shapes["activations"], 1 / rank, V.dtype)
        return {"mixing": G, "activations": H}

    @classmethod
    def find_scales(cls, scale, wanted, names, moving):
        # for scaled data the same factors are the minimum
        return super().find_scales(1.0, wanted, names, moving)

    def model(self, factors, n_iter):
        data = in_library_of(factors["mixing"], self.V) / self.scale
        return ConvexNMF(data, factors["mixing"], factors["activations"], n_iter)

    def as_moving(self, name, block):
        return block if name == "activations" else block.mT

    as_data = as_moving  # both are transposed where the mixing moves

    def half(self, name):
        W, H = self.V @ self.blocks["mixing"], self.blocks["activations"]
        X = self.as_data(name, self.V)
        return (X, W, H) if name == "activations" else (X, H.mT, W.mT)

    def terms(self, name):
        if name == "activations":
            return super().terms(name)
        # the gradient by the templates, (C, F) or (C, 1), and each column's share of it
        parts = self.kernels.terms(
            *self.half(name), self.divergence, self.weights_of(name)
        )
        shares = (
            part * self.V.sum(0)
            if part.shape[-1] == 1
            else self.kernels.product(part.mT, self.V)
            for part in parts
        )
        return *shares, self.blocks[name].mT

    def plain_mu(self, name):
        if name == "activations":
            return super().plain_mu(name)
        self.mu_by_terms(name)
