"""NMF with one component a column: orthogonal activations, with any β-divergence.

The updates, and why they never raise the objective, are derived in
docs/structured_factorizations.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Unpack

import numpy as np

from musaic_core.lowrank.arrays import dtype_name, library_of
from musaic_core.lowrank.checks import check_count
from musaic_core.lowrank.models import NMF, Model, size_of
from musaic_core.lowrank.nmf import NMFProblem
from musaic_core.lowrank.options import Options
from musaic_core.lowrank.run import minimise

__all__ = ["OrthogonalNMF", "orthogonal_nmf"]

Array = Any


@dataclass(eq=False)
class OrthogonalNMF(NMF):
    """An NMF that has one component in each column of the data.

    Parameters
    ----------
    templates : array (F, C)
        One spectrum a column, of mean 1.
    activations : array (C, T)
        How strong the one template of each frame is; all others are zero.
    n_iter : int
        Iterations that were run.
    labels : sequence of length C, optional
        What each component stands for.
    """

    @property
    def members(self) -> Array:
        """Which component each column has, (T,)."""
        return self.activations.argmax(0)

    @property
    def n_parameters(self) -> int:
        """Numbers of the templates, and each column's component and strength."""
        return size_of(self.templates) + 2 * self.activations.shape[1]


def orthogonal_nmf(
    V: Array,
    rank: int,
    *,
    init: str | Array | Model = "spa",
    fixed: tuple[str, ...] = (),
    **options: Unpack[Options],
) -> OrthogonalNMF:
    """Factorize with one template a column: ``V ≈ W H``, the rows of H orthogonal.

    Nonnegative rows are orthogonal where no two of them overlap, so this is clustering
    of V's columns, whatever their loudness; with ``beta=2`` spherical k-means, each
    column counting with its squared length. For templates that do not overlap,
    factorize V's transpose.

    Parameters
    ----------
    V : array (F, T)
        Nonnegative; NumPy or PyTorch, on any device. float32 and float64 are kept,
        other dtypes become float64.
    rank : int
        Number of templates C.
    init : str, array (F, C) or OrthogonalNMF, default="spa"
        A method, as for `musaic_core.lowrank.nmf`, or the templates. A model that this
        gave goes on from where it is.
    fixed : collection of names, default=()
        ``("templates",)`` holds them: each column is then assigned once.
    **options : Options
        beta, max_iter, tol, n_starts, seed and so on: see
        `musaic_core.lowrank.options.Options`. The activations are orthogonal from the
        first iteration on.

    Returns
    -------
    OrthogonalNMF
        Templates (F, C) and activations (C, T).

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.
    TypeError
        Names keyword arguments that are none of those above.

    References
    ----------
    Ding, Li, Peng and Park, "Orthogonal nonnegative matrix tri-factorizations for
    clustering", KDD 2006. Pompili, Gillis, Absil and Glineur, "Two algorithms for
    orthogonal nonnegative matrix factorization with application to clustering",
    Neurocomputing 141, 2014 (β = 2, by expectation and maximization).

    Examples
    --------
    >>> import numpy as np
    >>> V = np.kron(np.eye(2), np.ones((3, 4))) * np.arange(1, 9)
    >>> members = orthogonal_nmf(V, 2, seed=0).members
    >>> len(set(members[:4])), len(set(members[4:]))
    (1, 1)
    """
    shape = np.shape(V)
    if len(shape) != 2:
        raise ValueError(f"V has {len(shape)} axes; give a matrix (F, T)")
    for name in ("mask", "penalties", "update", "epsilon"):
        if options.get(name):
            raise ValueError(f"{name} is given; orthogonal activations have none")
    if any(name != "templates" for name in fixed):
        raise ValueError(f"fixed is {fixed!r}; the templates alone can be held")
    rank = check_count(rank, "rank")
    shapes = {"templates": (shape[0], rank), "activations": (rank, shape[1])}
    init = init if isinstance(init, (str, Model)) else (init, None)
    options = {**options, "fixed": tuple(fixed)}
    order = "activations", "templates"
    return minimise(OrthogonalProblem, V, shapes, order, init, **options)


class OrthogonalProblem(NMFProblem):
    """Each block goes to its minimum, which has a closed form for every β."""

    has_least_squares = False

    def __init__(self, V, blocks, masks, divergence, *arguments, **options):
        if divergence.beta <= 0:
            # far above the floor of the model, which a column's best strength ignores
            V = V.clip(divergence.floor)
            share = 1e-6 if dtype_name(V) == "float32" else 1e-12
            divergence = replace(divergence, floor=share * divergence.floor)
        super().__init__(V, blocks, masks, divergence, *arguments, **options)
        # a start of several components a column is none that iterations may end at
        if bool(((self.blocks["activations"] > 0).sum(0) > 1).any()):
            self._assign()

    @classmethod
    def model(cls, factors, n_iter):
        return OrthogonalNMF(factors["templates"], factors["activations"], n_iter)

    def enlarge(self, factor, moving):
        """Nothing: each column has its best strength already."""

    def plain_mu(self, name):
        if name == "templates":
            self._average()
        else:
            self._assign()

    def gradient(self, name):
        minus, plus, B = super().gradient(name)
        if name == "activations":  # those of other components stay zero
            minus, plus = minus * (B > 0), plus * (B > 0)
        return minus, plus, B

    def _assign(self):
        """Each column to the template that fits it best, at the best strength."""
        beta, V, H = self.divergence.beta, self.V, self.blocks["activations"]
        W, library, M = self._templates(), library_of(H), self.data_weights
        V = V if M is None else M * V
        norms = _summed(self.kernels, W**beta, M)
        products = self.kernels.product(W ** (beta - 1), V)
        strengths = products / (norms + (norms == 0))
        # the divergence at that strength, less what does not depend on the template
        if beta == 1:
            logarithms = library.log(norms + (norms == 0))
            costs = V.sum(0) * logarithms - self.kernels.product(library.log(W), V)
        elif beta == 0:
            # where all of a column is missing, so is its strength
            logarithms = library.log(strengths + (strengths == 0))
            costs = _summed(self.kernels, library.log(W), M) + norms * logarithms
        else:
            costs = -norms * strengths**beta / (beta * (beta - 1))
        best = costs.argmin(0)
        each = library.arange(len(H), device=H.device)[:, None]
        H[...] = strengths * (each == best)

    def _average(self):
        """Each template to the mean of its columns, weighted as β has it."""
        beta, W, H = self.divergence.beta, *self.blocks.values()
        M = self.data_weights
        V = self.V if M is None else M * self.V
        heard = H > 0
        H1 = library_of(H).where(heard, H, 1 + 0 * H)  # no power of zero
        powers = (heard * H1**beta).mT
        sums = _summed(self.kernels, powers, None if M is None else M.mT).mT
        means = self.kernels.product(V.mT, (heard * H1 ** (beta - 1)).mT)
        found = means / (sums + (sums == 0))
        W[...] = library_of(W).where(
            sums > 0, found, W
        )  # a template of no column stays
        lengths = W.mean(0)
        lengths = lengths + (lengths == 0)
        W /= lengths
        H *= lengths[:, None]

    def _templates(self):
        """The templates, zeros raised where their powers or logarithms are taken."""
        W, beta = self.blocks["templates"], self.divergence.beta
        if beta > 1:
            return W
        is_single = dtype_name(W) == "float32"
        if beta > 0:
            return W.clip((1e-20 if is_single else 1e-150) ** (1 / (2 - beta)))
        # below what templates of data have that is nowhere below the floor
        return W.clip((1e-30 if is_single else 1e-250) ** (1 / (1 - beta)))


def _summed(kernels, A, weights):
    """The columns' sums of A (M, K): (K, 1), or (K, N) under weights (M, N)."""
    return A.sum(0)[:, None] if weights is None else kernels.product(A, weights)
