"""Penalties on the factors of deep models, seen from the matrix that moves.

With the loss on layers, every layer is an NMF, and a penalty is a function of its
factors as it is in an NMF. With the loss on the data a factor is a product of matrices,
and a penalty on that product is a function of each of them. Both, and why the objective
never rises, are derived in docs/deep_tensor_factorizations.md.
"""

from __future__ import annotations

from copy import copy
from functools import reduce
from typing import Any

from musaic_core.lowrank.lengths import Lengths, row_norms
from musaic_core.lowrank.penalties import Sparsity
from musaic_core.lowrank.problem import Problem

__all__ = ["PenalisedLayers"]

Array = Any
Name = Any


class PenalisedLayers:
    """What `Layered` knows of penalties.

    A stack of n layers has the matrices ``A_2, A_3, …, A_L, W_L``, here numbered from 0
    to n: a templates' matrix of any depth is the product of those from some number on.
    """

    @classmethod
    def penalised(cls, shapes, chains, **_):
        """What penalties may be given for: the factors, and products of them."""
        templates = [W for chain in chains.values() for W, _ in chain]
        return list(dict.fromkeys([*shapes, *chains, *templates]))

    def penalties_on(self, name: Name) -> list:
        """The penalties as functions of one block alone, the others held.

        They are in units of the layer that the block is of, as `terms` is.
        """
        return [
            seen
            for block, penalties in self.penalties.items()
            for penalty in penalties
            if (seen := self._seen(self._relative(penalty, name), name, block))
            is not None
        ]

    def penalty_value(self, penalty: Any, block: Name) -> float:
        """What a penalty on a block, or on a product of blocks, is worth."""
        name = block
        if self.tied and (block in self.chains or block not in self.blocks):
            name = self._stack(self._first(block)[0])[-1]  # what it is a function of
        seen = self._seen(penalty, name, block)
        return seen.value(self.as_moving(name, self.blocks[name]))

    def lengths(self, block: Name) -> dict[Name, Array]:
        """Lengths of the components in the NMF, NCP or NTD that a block is of."""
        lengths = super().lengths(block)
        if block in self._layer and not self.tied:
            top, depth = self._layer[block]
            return {name: lengths[name] for name in self.chains[top][depth]}
        lengths = {n: length for n, length in lengths.items() if n not in self._layer}
        if block in self._layer and self._layer[block][0] != "core":
            # activations of a product: what each component adds to them in all
            top, depth = self._layer[block]
            lengths[top] = (self._columns(top, depth) @ self._segment(top, 0, depth))[
                None
            ]
        return lengths

    def coupling(self, name: Name, lengths: dict[Name, Array]) -> Array:
        """What a component's length in one factor is multiplied with, (K, 1)."""
        if name in self._layer:
            return Problem.coupling(self, name, lengths)
        return super().coupling(name, lengths)

    def _relative(self, penalty, name):
        if self.tied or name not in self._layer:
            return penalty
        penalty = copy(penalty)
        penalty.weight = penalty.weight / self._own_weight(name)
        return penalty

    def _seen(self, penalty, name, block):
        """A penalty on `block` as a function of `name`; None if it is none."""
        if not self.tied:
            return penalty.seen_from(name, block, self)
        if isinstance(penalty, Sparsity):
            return self._sparsity(penalty, name, block)
        top, first = self._first(block)
        if first is None:  # neither templates nor a product
            return penalty.seen_from(name, block, self)
        if name not in self._layer or self._layer[name][0] != top:
            return None
        return self._through(penalty.seen_from(block, block, self), name, first, -1)

    def _sparsity(self, penalty, name, block):
        top, first = self._first(block)
        if first is not None or top == "core":
            block = top  # ℓ1 norms of templates and of their product are the same
        if name not in self._layer:
            return penalty.seen_from(name, block, self)
        stack, number = self._layer[name][0], self._number(name)
        if block not in self._layer or stack != top:
            return self._through(penalty.seen_from(stack, block, self), name, 0, -1)
        depth = self._number(block)
        lengths = penalty.weight * self.coupling(top, self.lengths(block))
        if number <= depth:
            weights = self._columns(top, depth)[:, None] * lengths.mT
            return self._through(Lengths(weights, 1), name, 0, depth)
        below = self._segment(top, 0, depth) @ lengths
        inner = Lengths(below, 2)
        return self._through(inner, name, depth + 1, -1)

    def _first(self, block):
        """The stack that a block is of, and the first matrix of its product."""
        if block in self.chains:
            return block, 0
        for top, chain in self.chains.items():
            for depth, (W, A) in enumerate(chain):
                if block == W:
                    return top, depth + 1
                if block == A:
                    return top, None
        return None, None

    def _stack(self, top):
        """Names of the matrices of a product, from the right."""
        return [*(A for _, A in self.chains[top]), self.chains[top][-1][0]]

    def _number(self, name):
        return self._stack(self._layer[name][0]).index(name)

    def _segment(self, top, first, last):
        """The product of a stack's matrices from one number to another."""
        matrices = [self.blocks[name] for name in self._stack(top)]
        return reduce(lambda right, M: M @ right, matrices[first : last + 1])

    def _columns(self, top, depth):
        """ℓ2 norms of the templates that the activations `depth` belong to."""
        W = self._segment(top, depth + 1, len(self.chains[top]))
        return row_norms(W.mT)[:, 0]

    def _through(self, inner, name, first, last):
        """A penalty on the product of some of a stack's matrices, seen from one."""
        top, number = self._layer[name][0], self._number(name)
        end = len(self.chains[top])
        last = end if last < 0 else last
        if not first <= number <= last:
            return None
        if first == last:
            return inner
        left = self._segment(top, number + 1, last) if number < last else None
        right = self._segment(top, first, number - 1) if number > first else None

        def as_seen(product):
            if last < end:
                return product
            if first > 0 or top != "core":
                return product.mT
            return product.reshape(self.blocks["core"].shape)

        def as_matrix(view):
            if last < end:
                return view
            return view.mT if first > 0 else self._as_matrix(top, view)

        return _Through(inner, left, right, as_seen, as_matrix, number == end)


class _Through:
    """A penalty on the product ``left M right`` as a function of M."""

    def __init__(self, penalty, left, right, as_seen, as_matrix, is_templates):
        self.penalty, self.left, self.right = penalty, left, right
        self.as_seen, self.as_matrix = as_seen, as_matrix
        self.is_templates = is_templates  # and so seen as rows
        self.is_linear = penalty.is_linear

    def value(self, B):
        return self.penalty.value(self._seen(B))

    def parts(self, B):
        seen = self._seen(B)
        return tuple(self._back(part + 0 * seen) for part in self.penalty.parts(seen))

    def _seen(self, B):
        M = B.mT if self.is_templates else B
        M = M if self.left is None else self.left @ M
        return self.as_seen(M if self.right is None else M @ self.right)

    def _back(self, part):
        part = self.as_matrix(part)
        part = part if self.left is None else self.left.mT @ part
        part = part if self.right is None else part @ self.right.mT
        return part.mT if self.is_templates else part
