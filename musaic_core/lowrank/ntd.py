"""Nonnegative Tucker decomposition with any β-divergence."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import prod
from typing import Any, Unpack

import numpy as np
from tensorly.tucker_tensor import TuckerTensor

from musaic_core.lowrank.arrays import multi_mode_product, permute, unfold
from musaic_core.lowrank.checks import check_count
from musaic_core.lowrank.kernels.arrays import multiply
from musaic_core.lowrank.models import NTD, Model
from musaic_core.lowrank.options import Options
from musaic_core.lowrank.run import minimise
from musaic_core.lowrank.starts import mode_templates, random_factor, spread_of
from musaic_core.lowrank.tensor_problem import TensorProblem

__all__ = ["ntd"]

Array = Any


def ntd(
    V: Array,
    ranks: Sequence[int],
    *,
    init: str | Sequence[Array | None] | Model = "random",
    **options: Unpack[Options],
) -> NTD:
    """Decompose a nonnegative tensor, ``V ≈ core ×₁ W ×₂ H ×₃ Q``.

    Parameters
    ----------
    V : array (I_0, ..., I_N-1)
        Nonnegative, of two axes or more; for music, frequency × time in bar × bar.
        NumPy or PyTorch.
    ranks : sequence of int
        The core's shape, one rank R_n a mode.
    init : str, sequence of arrays or NTD, default="random"
        A method, as for `musaic_core.lowrank.nmf`, on the unfolding of each mode. Of a
        sequence, the factors (I_n, R_n) by mode and then the core, any may be None: it
        is then drawn at random. A model that this gave goes on from where it is.
    **options : Options
        beta, update, fixed, mask, penalties, data_weights, max_iter, tol, n_starts and
        so on: see `musaic_core.lowrank.options.Options`. The factors are named by mode,
        0, 1 and so on, and "core".

    Returns
    -------
    NTD
        A TensorLy TuckerTensor and its NMF view.

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.
    TypeError
        Names keyword arguments that are none of those above.

    References
    ----------
    Kim and Choi, "Nonnegative Tucker decomposition", CVPR 2007. Marmoret, Voorwinden,
    Leplat, Cohen and Bimbot, "Nonnegative Tucker decomposition with beta-divergence
    for music structure analysis of audio signals", GRETSI 2022.

    Examples
    --------
    >>> import numpy as np
    >>> model = ntd(np.random.default_rng(0).random((80, 96, 20)), (8, 6, 3), seed=0)
    >>> model.core.shape, model.templates.shape, model.activations.shape
    ((8, 6, 3), (80, 8), (8, 1920))
    """
    shape = np.shape(V)
    if len(shape) < 2:
        raise ValueError(f"V has {len(shape)} axes; give a tensor of two or more")
    if not isinstance(ranks, (tuple, list, np.ndarray)) or len(ranks) != len(shape):
        raise ValueError(f"ranks is {ranks!r}; give {len(shape)} numbers, one a mode")
    ranks = tuple(check_count(rank, "ranks") for rank in ranks)
    shapes = {n: (size, ranks[n]) for n, size in enumerate(shape)} | {"core": ranks}
    return minimise(NTDProblem, V, shapes, tuple(shapes), init, **options)


class NTDProblem(TensorProblem):
    """A mode's half problem is on its unfolding, with the core times the others.

    The core's gradient is what the half problem of its least mode has before it is
    contracted with the other factors. For β = 2 the data is contracted with the last
    mode's factor once for the modes before it, and with theirs once for the last and
    the core; so is the core with the Gram matrices of the factors.
    """

    @classmethod
    def start(cls, V, shapes, init, rng):
        ranks = shapes["core"]
        modes = range(V.ndim)
        spread = spread_of(V, prod(ranks), V.ndim + 1)
        if init == "random":
            return {n: random_factor(rng, s, spread) for n, s in shapes.items()}
        start = {n: spread * mode_templates(V, n, ranks[n], init, rng) for n in modes}
        return start | {"core": random_factor(rng, ranks, spread)}

    @classmethod
    def model(cls, factors, n_iter):
        *factors, core = factors.values()
        return NTD(TuckerTensor((core, factors)), n_iter)

    def held(self, mode):
        return unfold(self._core_times_all_but(mode), mode).mT

    def normal(self, mode):
        rows = unfold(self.blocks["core"], mode)
        product, gram = (
            rows @ unfold(seen(mode), mode).mT
            for seen in (self._data_times_all_but, self._core_times_grams_but)
        )
        return product, gram, self.blocks[mode].mT

    def as_moving(self, name, block):
        return block if name == "core" else block.mT

    def terms(self, name):
        if name != "core":
            return super().terms(name)
        return *self._core_terms(), self.blocks["core"]

    def plain_mu(self, name):
        if name != "core":
            return super().plain_mu(name)
        self.mu_by_terms(name)

    def lengths(self, block):
        return super().lengths(block) | {"core": self.blocks["core"]}

    def coupling(self, name, lengths):
        core = lengths["core"]
        factors = [None if n == name else lengths[n] for n in range(self.V.ndim)]
        if name == "core":
            return reduce(
                lambda outer, s: outer[..., None] * s[0], factors[1:], factors[0][0]
            )
        return unfold(multi_mode_product(core, factors), name)

    def hals(self, name, effort):
        if name != "core":
            return super().hals(name, effort)
        if self.data_weights is not None:
            return self.mu(name)
        product, core = self._core_product(), self.blocks["core"]
        grams = [self.gram(n) for n in range(core.ndim)]
        for _ in range(1 + int(10 * effort)):
            multiply(core, product, multi_mode_product(core, grams), 1)

    def weighted_hals(self, name, effort):
        if name != "core":
            return super().weighted_hals(name, effort)
        self.mu(name)
        self.balance(name)

    def moved(self, name):
        super().moved(name)
        last = self.V.ndim - 1
        stale = {
            "core": (("core", "head"), ("core", "last")),
            last: (("core", "last"), ("data", "last")),
        }
        for key in stale.get(name, (("core", "head"), ("data", "head"))):
            self.cache.pop(key, None)

    def _core_times_all_but(self, mode):
        factors = self.factors
        factors[mode] = None
        return multi_mode_product(self.blocks["core"], factors)

    def _data_times_all_but(self, mode):
        """The data times every factor's transpose but one."""
        return self._times_all_but(mode, "data", self.V, [U.mT for U in self.factors])

    def _core_times_grams_but(self, mode):
        """The core times every factor's Gram matrix but one."""
        modes = range(self.V.ndim)
        grams = [None if n == mode else self.gram(n) for n in modes]
        return self._times_all_but(mode, "core", self.blocks["core"], grams)

    def _times_all_but(self, mode, name, X, factors):
        """X times all factors but a mode's; what modes share is kept by that name."""
        *head, last = factors
        if mode == len(head):
            if (name, "head") not in self.cache:
                self.cache[name, "head"] = multi_mode_product(X, head)
            return self.cache[name, "head"]
        if (name, "last") not in self.cache:
            self.cache[name, "last"] = multi_mode_product(
                X, [None] * len(head) + [last]
            )
        head[mode] = None
        return multi_mode_product(self.cache[name, "last"], head)

    def _core_product(self):
        mode = self.V.ndim - 1
        last = [None] * mode + [self.factors[mode].mT]
        return multi_mode_product(self._data_times_all_but(mode), last)

    def _core_terms(self):
        """Both parts of the gradient by the core."""
        factors, core = self.factors, self.blocks["core"]
        if self.has_normal:
            grams = [self.gram(n) for n in range(core.ndim)]
            return self._core_product(), multi_mode_product(core, grams)
        # the half problem of the mode of least rank, its A and B exchanged
        least = int(np.argmin(core.shape))
        B = unfold(self._core_times_all_but(least), least)
        weights = self.weights_of(least)
        numerator, denominator = self.kernels.terms(
            self.unfolding(least),
            factors[least],
            B,
            self.divergence,
            None if weights is None else weights.mT,
        )
        if self.divergence.beta == 1 and weights is None:
            sums = (U.sum(0) for U in factors)
            denominator = reduce(lambda outer, s: outer[..., None] * s, sums)
        else:
            denominator = self._fold(denominator, least)
        return self._fold(numerator, least), denominator

    def _fold(self, term, mode):
        """The core-shaped tensor of a term (R_mode, product of the other sizes)."""
        others = [U.mT for n, U in enumerate(self.factors) if n != mode]
        tensor = term.reshape(-1, *(U.shape[1] for U in others))
        tensor = multi_mode_product(tensor, [None, *others])
        order = [*range(1, mode + 1), 0, *range(mode + 1, tensor.ndim)]
        return permute(tensor, order)
