"""Layers below the factors of a model: what the deep factorizations share.

A factor's matrix U is explained by ``U ≈ W_2 A_2``, its templates by another layer,
``W_2 ≈ W_3 A_3``, and so on: a stack. The updates, and why they never raise the
objective, are derived in docs/deep_tensor_factorizations.md.
"""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

from musaic_core.lowrank.deep.below import Below
from musaic_core.lowrank.deep.penalties import PenalisedLayers
from musaic_core.lowrank.deep.sums import inner_units, with_sums_of
from musaic_core.lowrank.steps import penalised_step

__all__ = ["Layered"]

Array = Any


class Layered(PenalisedLayers):
    """Layers below the factors of a problem; comes before it among a class's bases.

    Parameters
    ----------
    chains : dict of name to list of (str, str)
        Below a factor, the names of each layer's templates and activations.
    tied : bool
        Whether that factor is the product of the layers below it (the loss on the
        data), and not a factor that is compared with it.
    weights : dict of name to sequence of float, or None
        ρ of each layer.
    moving : list of names
    """

    has_least_squares = False
    any_scale = False

    def __init__(
        self,
        V,
        blocks,
        masks,
        divergence,
        kernels,
        penalties,
        data_weights=None,
        *,
        chains,
        tied,
        weights,
        moving,
        scale=1.0,
        scales=None,
    ):
        self.chains, self.tied, self.kernels = chains, tied, kernels
        self.shapes = {
            top: self._shape_of(top, V.shape, blocks) for top in chains if tied
        }
        products = {top: self._product_of(top, blocks) for top in self.shapes}
        # which layer a name is in, and the name of what that layer factorizes
        self._layer: dict = {}
        self._above: dict = {}
        for top, chain in chains.items():
            above = top
            for depth, names in enumerate(chain):
                self._layer |= dict.fromkeys(names, (top, depth))
                self._above |= dict.fromkeys(names, above)
                above = names[0]
        given = divergence, kernels, penalties, data_weights, scale, scales
        super().__init__(V, products | blocks, masks, *given)
        self._rho: dict = {}
        self._unit: set = set()
        self._moving = set(moving)
        self._weights_given = weights
        if not tied:
            self._weigh(weights)

    # ---- scale

    @classmethod
    def find_scales(cls, scale, wanted, names, moving, chains, tied, weights, **_):
        if tied:
            # what the start has the scale in: a first mode, or what is deepest below it
            deepest = chains[0][-1][0] if 0 in chains else None
            moving = [deepest] if deepest in moving else moving
            return super().find_scales(scale, wanted, names, moving)
        below = {name for chain in chains.values() for pair in chain for name in pair}
        tops = [name for name in names if name not in below]
        live = _live_tops(chains, weights, moving)
        free = cls.find_free(live, [name for name in tops if name in moving] or tops)
        units = cls.find_units(live, moving) | inner_units(chains, weights, moving)
        wanted = wanted | dict.fromkeys(units, 1.0)
        scales = super().find_scales(scale, wanted, tops, [free])
        for top, chain in chains.items():
            above = scales[top]
            for W, A in chain:
                scales[A] = wanted.get(A, 1.0)
                scales[W] = above = above / scales[A]
        return scales

    def product_scale(self, name):
        if not self.tied and name in self._layer:
            return self.scales[self._above[name]]
        tops = (n for n in self.scales if self.tied or n not in self._layer)
        return math.prod(self.scales[n] for n in tops)

    def enlarge(self, factor, moving):
        if self.tied:
            return super().enlarge(factor, moving)
        above = [name for name in moving if name not in self._layer]
        if not above:  # the data's model is held
            return
        free = self.find_free(self._live, above)
        super().enlarge(factor, [free])
        for W, _ in self.chains.get(free, ()):
            if W not in moving:
                break
            self.blocks[W] *= factor
        self._weigh(self._weights_given)

    # ---- the problem that one block is

    def as_moving(self, name, block):
        if name not in self._layer:
            return super().as_moving(name, block)
        return block.mT if name in self._templates else block

    def half(self, name):
        if name not in self._layer or self.tied:
            return super().half(name)
        top, depth = self._layer[name]
        W, A = (self.blocks[n] for n in self.chains[top][depth])
        X = self._matrix(self._above[name])
        return (X.mT, A.mT, W.mT) if name in self._templates else (X, W, A)

    def terms(self, name):
        if name not in self._layer:
            return super().terms(name)
        if not self.tied:
            X, A, B = self.half(name)
            return *self.kernels.terms(X, A, B, self.divergence), B
        # V is linear in each matrix of a product: its gradient is the product's,
        # times what is on its left and on its right
        self.moved(name)  # if only by an extrapolation
        top, depth = self._layer[name]
        positive, negative, _ = super().terms(top)
        left, right = self._sides(top, depth, name)
        parts = []
        for part in (positive, negative + 0 * positive):
            part = self._as_matrix(top, part)
            part = part if left is None else self.kernels.product(left, part)
            part = part if right is None else self._times(part, right.mT)
            parts.append(self.as_moving(name, part))
        return *parts, self.as_moving(name, self.blocks[name])

    def mu(self, name):
        penalties = self.penalties_on(name)
        below = self._below(name)
        alone = all(penalty.is_linear for penalty in penalties)
        if below is not None:
            penalties.append(below)
        if not penalties and name not in self._unit:
            self.plain_mu(name)
            return
        positive, negative, B = self.terms(name)
        if self._rho.get(self._layer.get(name)) == 0:
            # what a factor of such a layer does to that layer counts nothing
            positive, negative = 0 * positive, 0 * negative
        if name in self._unit:
            goal = self._unit_goal
            if not penalties:
                B[...] = goal(B, positive, negative)
                return
        else:
            goal = None
            if below is not None and alone:
                for plus, minus in (p.parts(B) for p in penalties[:-1]):
                    positive, negative = positive + minus, negative + plus
                below.minimise(B, positive, negative, self.divergence, self.kernels)
                if name in self.masks:
                    self.blocks[name] *= self.masks[name]
                return
        least = self.least(name)
        penalised_step(B, positive, negative, self.divergence, penalties, goal, least)

    def gradient(self, name):
        minus, plus, B = self.terms(name)
        if self._rho.get(self._layer.get(name)) == 0:
            minus, plus = 0 * minus, 0 * plus
        below = self._below(name)
        for added in [*self.penalties_on(name), *([] if below is None else [below])]:
            more, less = added.parts(B)
            minus, plus = minus + less, plus + more
        if name in self._unit:
            # along the sums that are kept: a multiplier a row takes the mean slope
            sums = _positive(B.sum(-1)[..., None])
            multiplier = (B * (minus - plus)).sum(-1)[..., None] / sums
            minus = minus + (-multiplier).clip(0)
            plus = plus + multiplier.clip(0)
        return minus, plus, B

    def plain_mu(self, name):
        if name not in self._layer:
            super().plain_mu(name)
        elif self.tied:
            self.mu_by_terms(name)
        else:
            self.kernels.mu(*self.half(name), self.divergence)

    def moved(self, name):
        if name in self._layer and self.tied:
            name, _ = self._layer[name]
            self.blocks[name][...] = self._product_of(name, self.blocks)
        if name not in self._layer:
            super().moved(name)

    def extrapolated(self, name):
        if name in self._unit:
            B = self.as_moving(name, self.blocks[name])
            B /= _positive(B.sum(-1)[..., None])

    def loss(self):
        return super().loss() + sum(
            rho * self._layer_loss(*layer) for layer, rho in self._rho.items()
        )

    # ---- layers

    @property
    def _templates(self):
        return {W for chain in self.chains.values() for W, _ in chain}

    def _as_matrix(self, name, view):
        """A view as `terms` gives them, as a matrix (I, R) with columns to explain."""
        return view.reshape(-1, view.shape[-1]) if name == "core" else view.mT

    def _matrix(self, name):
        block = self.blocks[name]
        return block.reshape(-1, block.shape[-1]) if name == "core" else block

    def _times(self, A, B):
        return self.kernels.product(A.mT, B)

    def _product_of(self, top, blocks):
        chain = self.chains[top]
        product = blocks[chain[-1][0]]
        for _, A in reversed(chain):
            product = self._times(product, blocks[A])
        return product.reshape(self.shapes[top])

    def _shape_of(self, top, shape, blocks):
        columns = blocks[self.chains[top][0][1]].shape[1]
        if top != "core":
            return (shape[0 if top == "templates" else top], columns)
        modes = range(len(shape) - 1)
        return (*(self._rank_of(n, blocks) for n in modes), columns)

    def _rank_of(self, mode, blocks):
        chain = self.chains.get(mode)
        return blocks[chain[0][1] if chain else mode].shape[1]

    def _sides(self, top, depth, name):
        """What the product of a stack has on the left and right of one matrix."""
        chain = self.chains[top]
        upper = [self.blocks[A] for _, A in chain[:depth]]
        if name in self._templates:
            upper.append(self.blocks[chain[depth][1]])
        right = (
            reduce(lambda product, A: self._times(A, product), upper) if upper else None
        )
        if name in self._templates:
            return None, right
        lower = [self.blocks[A] for _, A in reversed(chain[depth + 1 :])]
        return reduce(self._times, lower, self.blocks[chain[-1][0]]), right

    def _layer_loss(self, top, depth):
        W, A = (self.blocks[n] for n in self.chains[top][depth])
        X = self._matrix(self._above[self.chains[top][depth][0]])
        return self.kernels.loss(X, W, A, self.divergence)

    def _weigh(self, weights):
        """Say how much each layer weighs, and which factors keep rows of sum 1."""
        for top, chain in self.chains.items():
            given = None if weights is None else weights.get(top)
            for depth, (W, _) in enumerate(chain):
                weight = 1.0 if given is None else float(given[depth])
                self._rho[top, depth] = weight * self._layer_scale(self._above[W])
        self._live = _live_tops(self.chains, weights, self._moving)
        units = self.find_units(self._live, self._moving)
        self._unit = units | inner_units(self.chains, weights, self._moving)
        for name in units:
            self._bring_to_sum_one(name)
        for top in self.chains:
            self._rescale_below(top, None)
        if weights is None:
            error = max(self.data_loss(), 0.0)
            for top, depth in self._rho:
                least = 1e-6 * error + 1e-30
                self._rho[top, depth] = error / max(self._layer_loss(top, depth), least)

    @property
    def keeps_sums(self):
        """Whether some factors are held at sum 1."""
        return bool(self._unit)

    @property
    def layer_weights(self):
        """ρ of the layers below each factor, for the data as it was given."""
        if self.tied:
            return None
        weights = {top: [] for top in self.chains}
        for (top, depth), rho in self._rho.items():
            above = self._above[self.chains[top][depth][0]]
            weights[top].append(rho / self._layer_scale(above))
        return weights

    def _layer_scale(self, above):
        """What the layer below a factor is weighed with at the scale of the data."""
        return self.at_scale(self.divergence.beta, self.scales[above])

    @classmethod
    def find_units(cls, live, moving):
        """The factors that keep components of sum 1 where `live` have layers below."""
        raise NotImplementedError

    @classmethod
    def find_free(cls, live, moving):
        """Of the moving factors, the one that has the scale."""
        raise NotImplementedError

    def carry(self, name, sums):
        """Multiply the factor that has the scale with a unit factor's sums (K, 1)."""
        raise NotImplementedError

    def _bring_to_sum_one(self, name):
        B = self.as_moving(name, self.blocks[name])
        sums = _positive(B.sum(-1)[..., None])
        B /= sums
        if name in self.chains:
            self._rescale_below(name, 1 / sums)
        self.carry(name, sums)

    def _rescale_below(self, top, columns):
        """Let the layers follow a factor whose columns were multiplied."""
        for W, A in self.chains[top]:
            if columns is not None and A in self._moving:
                self.blocks[A] *= columns.mT
            columns = None
            if A in self._unit:
                columns = _positive(self.blocks[A].sum(-1)[..., None])
                self.blocks[A] /= columns
                self.blocks[W] *= columns.mT

    def _below(self, name):
        """How far a factor is from what its layer below makes of it, or None."""
        if self.tied:
            return None
        if name in self.chains:
            top, depth = name, 0
        elif name in self._templates:
            top, depth = self._layer[name]
            depth += 1
        else:
            return None
        if depth == len(self.chains[top]) or not self._rho[top, depth]:
            return None
        weight = self._rho[top, depth] / self._own_weight(name)
        W, A = (self.blocks[n] for n in self.chains[top][depth])
        product = self._times(W, A)
        block = self.blocks[name]
        target = product.reshape(block.shape) + self.divergence.floor
        return Below(weight, self.as_moving(name, target), self.divergence)

    def _own_weight(self, name):
        return (self._rho[self._layer[name]] or 1.0) if name in self._layer else 1.0

    def _unit_goal(self, B, numerator, denominator):
        return with_sums_of(B, numerator, denominator, self.divergence.exponent)


def _live_tops(chains, weights, moving):
    """The factors that move, and whose first layer below has some weight."""
    weights = weights or {}
    return [t for t in chains if t in moving and weights.get(t, [1.0])[0] > 0]


def _positive(sums):
    """Sums to divide by: those of what is zero are 1."""
    return sums + (sums == 0)
