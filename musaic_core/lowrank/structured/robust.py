"""NMF beside outliers, with any β-divergence.

The updates, and why they never raise the objective, are derived in
docs/structured_factorizations.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Unpack

import numpy as np

from musaic_core.lowrank.checks import check_count
from musaic_core.lowrank.lengths import Lengths
from musaic_core.lowrank.models import NMF, Model
from musaic_core.lowrank.options import Options
from musaic_core.lowrank.run import minimise
from musaic_core.lowrank.starts import random_factor, spread_of
from musaic_core.lowrank.structured.entries import EntriesProblem

__all__ = ["RobustNMF", "robust_nmf"]

Array = Any


def robust_nmf(
    V: Array,
    rank: int,
    weight: float,
    *,
    init: str | tuple[Array | None, Array | None, Array | None] | Model = "random",
    **options: Unpack[Options],
) -> RobustNMF:
    """Factorize what is of low rank, and keep columns' outliers apart.

    ``V ≈ templates @ activations + outliers``, where ``weight * Σ_t ‖outliers[:, t]‖₂``
    is added to the divergence: most columns have no outliers, and a column that has
    some may have them anywhere.

    Parameters
    ----------
    V : array (F, T)
        Nonnegative; NumPy or PyTorch, on any device. float32 and float64 are kept,
        other dtypes become float64.
    rank : int
        Number of templates C.
    weight : float
        Of the outliers' norms. For V times c, the weight that leaves the model what it
        is, times c, is the old one times c^(β-1).
    init : "random", three arrays or model, default="random"
        Of templates (F, C), activations (C, T) and outliers (F, T); those that are None
        are drawn at random. Outliers that are zero stay so. A model that this gave goes
        on from where it is.
    **options : Options
        beta, update, fixed, mask, penalties, data_weights, max_iter, tol, n_starts and
        so on: see `musaic_core.lowrank.options.Options`. The factors are named as
        above, and the updates are "mu" and "mu-extrapolated". Penalties are for
        templates and activations.

    Returns
    -------
    RobustNMF
        Templates (F, C), activations (C, T) and outliers (F, T).

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.
    TypeError
        Names keyword arguments that are none of those above.

    References
    ----------
    Févotte and Dobigeon, "Nonlinear hyperspectral unmixing with robust nonnegative
    matrix factorization", IEEE Transactions on Image Processing 24 (12), 2015.

    Examples
    --------
    >>> import numpy as np
    >>> V = np.random.default_rng(0).random((80, 90))
    >>> model = robust_nmf(V, 4, 0.5, seed=0)
    >>> model.templates.shape, model.activations.shape, model.outliers.shape
    ((80, 4), (4, 90), (80, 90))
    """
    shape = np.shape(V)
    if len(shape) != 2:
        raise ValueError(f"V has {len(shape)} axes; give a matrix (F, T)")
    rank = check_count(rank, "rank")
    if isinstance(weight, bool) or not isinstance(weight, Real) or not weight >= 0:
        raise ValueError(f"weight is {weight!r}; give a number, 0 or more")
    shapes = {
        "templates": (shape[0], rank),
        "activations": (rank, shape[1]),
        "outliers": shape,
    }
    order = "activations", "templates", "outliers"
    given = {"weight": float(weight)}
    return minimise(RobustProblem, V, shapes, order, init, given, **options)


@dataclass(eq=False)
class RobustNMF(NMF):
    """An NMF, and what it leaves to outliers; its components are those of the NMF.

    Parameters
    ----------
    templates : array (F, C)
        One spectrum a column.
    activations : array (C, T)
        How strong each template is in each frame.
    n_iter : int
        Iterations that were run.
    labels : sequence of length C, optional
        What each component stands for.
    outliers : array (F, T)
        What is of no component. `reconstruct` leaves it out.
    """

    outliers: Array = field(kw_only=True)

    @property
    def n_parameters(self) -> int:
        """Numbers of the NMF, and the outliers that are not zero."""
        return super().n_parameters + int((self.outliers > 0).sum())


class RobustProblem(EntriesProblem):
    """An NMF's blocks, and a block of V's shape with a penalty of its own."""

    parts = ("activations", "templates"), ("outliers",)

    def __init__(self, V, *arguments, weight, **options):
        super().__init__(V, *arguments, **options)
        weights = 0 * V[:1].mT + weight * self.at_scale(1, self.scale)
        self._outlying = Lengths(weights, 2)

    @classmethod
    def penalised(cls, shapes, **arguments):
        return ["templates", "activations"]

    @classmethod
    def start(cls, V, shapes, init, rng, weight):
        rank = shapes["activations"][0]
        scales = {
            "templates": spread_of(V, rank, 2),
            "activations": spread_of(V, rank, 2),
            "outliers": spread_of(V, 10, 1),
        }
        return {n: random_factor(rng, shapes[n], s, V.dtype) for n, s in scales.items()}

    @classmethod
    def model(cls, factors, n_iter):
        return RobustNMF(**factors, n_iter=n_iter)

    def as_moving(self, name, block):
        return block if name == "activations" else block.mT

    def approximation(self):
        W, H, R = self.blocks.values()
        return W @ H + R

    def taken_back(self, name, entries):
        if name == "activations":
            return self.blocks["templates"].mT @ entries
        if name == "templates":
            return self.blocks["activations"] @ entries.mT
        return entries.mT

    def lengths(self, block):
        lengths = super().lengths(block)
        return {name: lengths[name] for name in ("templates", "activations")}

    def penalties_on(self, name):
        return [self._outlying] if name == "outliers" else super().penalties_on(name)

    def loss(self):
        R = self.as_moving("outliers", self.blocks["outliers"])
        return super().loss() + self._outlying.value(R)
