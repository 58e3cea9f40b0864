"""A penalty under which components of a group sound together, or not at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from musaic_core.lowrank.arrays import copy_like, library_of
from musaic_core.lowrank.lengths import length_of, row_norms
from musaic_core.lowrank.penalties import Penalty

__all__ = ["GroupSparsity"]

Array = Any


class GroupSparsity(Penalty):
    """Few groups of components at a time: Σ_gt log(1 + Σ_{k in g} ‖w_k‖₂ h_kt / a).

    A dictionary may have many entries of a note, by instruments and phases; they are a
    group. The logarithm is steep where a group is almost silent, and flat where it
    sounds, as by one of its members: that a note sounds costs, how many of its entries
    it takes does not. With a group for each component it is an ℓ1 norm, reweighted.

    As for `Sparsity`, activations count with the lengths of what they are multiplied
    with. For data that is multiplied with c the level takes c, and the weight c^β.

    Parameters
    ----------
    weight : float
        The objective is the divergence plus `weight` times the penalty.
    groups : sequence of K labels
        Which components of the factor belong together: those with the same label.
    level : float
        The a above, in units of activations times lengths: what is much quieter than
        this counts in proportion, what is louder by its logarithm.

    References
    ----------
    Lefèvre, Bach and Févotte, "Itakura-Saito nonnegative matrix factorization with
    group sparsity", ICASSP 2011.
    """

    def __init__(self, weight: float, groups: Sequence, level: float) -> None:
        super().__init__(weight)
        if np.ndim(groups) != 1 or len(groups) == 0:
            raise ValueError(f"groups is {groups!r}; give one label a component")
        if isinstance(level, bool) or not 0 < level < math.inf:
            raise ValueError(f"level is {level!r}; give a number above 0")
        labels = np.asarray(groups)
        self.level = float(level)
        self.members = (np.unique(labels)[:, None] == labels).astype(float)  # (G, K)

    def seen_from(self, name: Any, block: Any, problem: Any) -> Any:
        """The same, of the block itself or of the lengths that it counts with.

        Parameters
        ----------
        name : str or int
            The block that moves.
        block : str or int
            The block that the penalty is given for.
        problem : Problem
            What both are of.

        Returns
        -------
        object or None
            With `value`, `parts` and `is_linear`; None where the block that moves is
            of another layer.
        """
        lengths = problem.lengths(block)
        if block not in lengths:
            raise ValueError(
                f"penalties[{block!r}] is GroupSparsity, which is for factors of the "
                "data, or of a layer with an objective of its own"
            )
        if name not in lengths:
            return None
        H = problem.as_moving(block, problem.blocks[block])
        shapes = {tuple(length.shape) for length in lengths.values()}
        if len(H) != self.members.shape[1] or not shapes <= {(1, 1), (1, len(H))}:
            raise ValueError(
                f"penalties[{block!r}] is GroupSparsity of {self.members.shape[1]} "
                f"components, and the factor has {len(H)}; give as many labels, in a "
                "model that has as many of each factor"
            )
        ones = 0 * H[:, :1] + 1
        others = [lengths[n].mT for n in lengths if n not in (name, block)]
        counts = math.prod(others, start=ones)
        counts = counts / (self.level * problem.product_scale(block))
        members = copy_like(self.members, H)
        if name == block:
            return _Groups(self.weight, members, counts)
        # components that are held come first, before those that move
        n_moving = len(problem.as_moving(name, problem.blocks[name]))
        still = lengths[name].mT[: lengths[name].shape[1] - n_moving]
        return _Groups(self.weight, members, counts, H, still)


class _Groups:
    """Σ_gt log(1 + Σ_{k in g} c_k x_kt), of H itself or of what multiplies H.

    What multiplies H are the lengths of components, of which some are `still`.
    """

    def __init__(self, weight, members, counts, held=None, still=None):
        self.weight, self.members, self.counts = weight, members, counts
        self.held, self.still = held, still
        # in H it is concave: below its tangent, whose minimum the first step is
        self.is_linear = held is None

    def value(self, B):
        return self.weight * float(library_of(B).log1p(self._sums(B)).sum())

    def parts(self, B):
        slopes = (
            self.weight * self.counts * (self.members.mT @ (1 / (1 + self._sums(B))))
        )
        if self.held is None:
            return slopes, 0.0
        by_length = (slopes * self.held).sum(1)[len(self.still) :, None]
        if len(B) == 1:  # all components share it, or it is the only one that moves
            by_length = by_length.sum(0, keepdims=True)
        return by_length * B / length_of(B, 2), 0.0

    def _sums(self, B):
        if self.held is None:
            X = B
        else:
            lengths = library_of(B).concatenate((self.still, row_norms(B, 2)))
            X = lengths * self.held
        return self.members @ (self.counts * X)
