"""Nonnegative CP decomposition (PARAFAC) with any β-divergence."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Unpack

import numpy as np
from tensorly.cp_tensor import CPTensor

from musaic_core.lowrank.arrays import khatri_rao, permute
from musaic_core.lowrank.checks import check_count
from musaic_core.lowrank.models import NCP, Model
from musaic_core.lowrank.options import Options
from musaic_core.lowrank.run import minimise
from musaic_core.lowrank.starts import mode_templates, random_factor, spread_of
from musaic_core.lowrank.tensor_problem import TensorProblem

__all__ = ["ncp"]

Array = Any


def ncp(
    V: Array,
    rank: int,
    *,
    init: str | Sequence[Array | None] | Model = "random",
    **options: Unpack[Options],
) -> NCP:
    """Decompose a nonnegative tensor into a sum of rank-one tensors.

    Parameters
    ----------
    V : array (I_0, ..., I_N-1)
        Nonnegative, of two axes or more, frequency first; NumPy or PyTorch.
    rank : int
        Number of rank-one terms R.
    init : str, sequence of arrays or NCP, default="random"
        A method, as for `musaic_core.lowrank.nmf`, on the unfolding of each mode. Of a
        sequence, one factor (I_n, R) a mode, any may be None: it is then drawn at
        random. A model that this gave goes on from where it is.
    **options : Options
        beta, update, fixed, mask, penalties, data_weights, max_iter, tol, n_starts and
        so on: see `musaic_core.lowrank.options.Options`. The factors are named by mode,
        0, 1 and so on.

    Returns
    -------
    NCP
        A TensorLy CPTensor with unit weights, and its NMF view.

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.
    TypeError
        Names keyword arguments that are none of those above.

    References
    ----------
    Shashua and Hazan, "Non-negative tensor factorization with applications to
    statistics and computer vision", ICML 2005. FitzGerald, Cranitch and Coyle,
    "Extended nonnegative tensor factorisation models for musical sound source
    separation", Computational Intelligence and Neuroscience, 2008. Phan, Tichavský
    and Cichocki, IEEE Transactions on Signal Processing 61 (19), 2013 (the products
    that modes share). Ma and Solomonik, "Efficient parallel CP decomposition with
    pairwise perturbation and multi-sweep dimension tree", IPDPS 2021 (those that
    iterations share).

    Examples
    --------
    >>> import numpy as np
    >>> model = ncp(np.random.default_rng(0).random((80, 96, 20)), 4, seed=0)
    >>> model.templates.shape, model.activations.shape
    ((80, 4), (4, 1920))
    """
    shape = np.shape(V)
    if len(shape) < 2:
        raise ValueError(f"V has {len(shape)} axes; give a tensor of two or more")
    rank = check_count(rank, "rank")
    shapes = {mode: (size, rank) for mode, size in enumerate(shape)}
    return minimise(NCPProblem, V, shapes, tuple(shapes), init, **options)


class NCPProblem(TensorProblem):
    """A mode's half problem is on its unfolding, with the others' Khatri-Rao product.

    For β = 2 the data is contracted with the factor that has just moved, once for all
    the other modes: three modes cost one and a half contractions an iteration.

    For other β a mode after the first has the gradient that the first mode's view, an
    NMF, has by its activations, contracted with the other factors: so a mode of two
    channels costs what one of many frames does, and nothing is unfolded.
    """

    @classmethod
    def start(cls, V, shapes, init, rng):
        rank = shapes[0][1]
        spread = spread_of(V, rank, V.ndim)
        if init == "random":
            return {n: random_factor(rng, s, spread) for n, s in shapes.items()}
        return {n: spread * mode_templates(V, n, rank, init, rng) for n in shapes}

    @classmethod
    def model(cls, factors, n_iter):
        factors = list(factors.values())
        weights = 0 * factors[0][0] + 1
        return NCP(CPTensor((weights, factors)), n_iter)

    def held(self, mode):
        return khatri_rao([U for n, U in enumerate(self.factors) if n != mode])

    def normal(self, mode):
        factors = self.factors
        gram = prod(self.gram(n) for n in range(len(factors)) if n != mode)
        return self._product(mode, factors), gram, factors[mode].mT

    def terms(self, mode):
        if mode == 0 or self.has_normal:
            return super().terms(mode)
        first, *rest = self.factors
        activations = khatri_rao(rest).mT
        weights = self.weights_of(0)
        positive, negative = self.kernels.terms(
            self.unfolding(0),
            first,
            activations,
            self.divergence,
            None if weights is None else weights.mT,
        )
        positive = _contract(positive, rest, mode - 1)
        if self.divergence.beta == 1 and weights is None:
            sums = prod(U.sum(0) for n, U in enumerate(rest) if n != mode - 1)
            negative = (negative[:, 0] * sums)[:, None]
        else:
            negative = _contract(negative, rest, mode - 1)
        return positive, negative, rest[mode - 1].mT

    def plain_mu(self, mode):
        if mode == 0:
            return super().plain_mu(mode)
        self.mu_by_terms(mode)

    def moved(self, mode):
        super().moved(mode)
        if self.cache.get("contracted") == mode:
            del self.cache["contracted"], self.cache["product"]

    def _product(self, mode, factors):
        """(R, I_mode): the data times the other modes' Khatri-Rao product."""
        if self.cache.get("contracted", mode) == mode:
            before = (mode - 1) % len(factors)
            self.cache |= {"contracted": before, "product": self._contracted(before)}
        others = [n for n in range(len(factors)) if n != self.cache["contracted"]]
        return _contract(
            self.cache["product"], [factors[n] for n in others], others.index(mode)
        )

    def _contracted(self, mode):
        """(R, product of the other sizes): the data times one mode's factor."""
        U, shape = self.blocks[mode], self.V.shape
        if mode in (0, len(shape) - 1):
            return U.mT @ self.unfolding(mode)
        batch = self.V.reshape(prod(shape[:mode]), shape[mode], -1)
        return permute(U.mT @ batch, (1, 0, 2))


def _contract(product: Array, factors: list[Array], mode: int) -> Array:
    """(R, I_mode) of (R, product of sizes): each row times its column of the others."""
    rank = len(product)
    # batches of matrix-vector products, one for each rank-one term
    for U in reversed(factors[mode + 1 :]):
        product = product.reshape(rank, -1, len(U)) @ U.mT[:, :, None]
    for U in factors[:mode]:
        product = U.mT[:, None, :] @ product.reshape(rank, len(U), -1)
    return product.reshape(rank, -1)
