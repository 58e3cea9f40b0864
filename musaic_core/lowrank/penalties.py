"""Penalties: what may be added to the divergence, and the steps that lower the sum.

A penalty is a function of one factor's components, the rows of a matrix B (K, N):
a component is a template's spectrum, or its activations in time. It says what it is
worth and splits its gradient in two nonnegative parts,

    ∇R(B) = plus - minus,

and then combines with every model and every β: the multiplicative update becomes
``B *= ((P + minus) / (Q + plus)) ** exponent``, where P and Q are the parts of the
divergence's gradient. That points downhill, and `penalised_step` in
`musaic_core.lowrank.steps` goes so far along it that the objective falls.

The scale of a factor is free in a product, so a penalty that depended on it would
shrink one factor and grow another. None here does: most see every component at unit
length, and `Sparsity` counts it with the length of what it is multiplied with.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from numbers import Real
from typing import Any

from musaic_core.lowrank.arrays import library_of
from musaic_core.lowrank.checks import check_names
from musaic_core.lowrank.lengths import Lengths, length_of

__all__ = [
    "MinimumVolume",
    "Orthogonality",
    "Penalty",
    "Smoothness",
    "Sparsity",
]

Array = Any


class Penalty:
    """A function of components at unit length, times a weight.

    A subclass defines `of_unit` and `gradient_of_unit`, for rows of ℓ`norm` length 1;
    this class takes care of the lengths. One that depends on several factors, as
    `Sparsity` does, defines `seen_from` instead.

    Parameters
    ----------
    weight : float
        The objective is the divergence plus `weight` times the penalty.
    """

    norm = 2  # the length that the components are brought to: ℓ1 or ℓ2
    is_linear = False  # then the first step always lowers the objective
    degree = 0  # with which power of the data's scale it grows
    any_scale = True  # whether factors may be scaled against each other

    def __init__(self, weight: float) -> None:
        if isinstance(weight, bool) or not isinstance(weight, Real) or not weight >= 0:
            raise ValueError(f"weight is {weight!r}; give a number, 0 or more")
        self.weight = float(weight)

    def of_unit(self, B: Array) -> float:
        """The penalty of components of unit length.

        Parameters
        ----------
        B : array (..., K, N)
            One component a row, each of ℓ`norm` length 1.

        Returns
        -------
        float
            Without the weight.
        """
        raise NotImplementedError

    def gradient_of_unit(self, B: Array) -> tuple[Array, Array]:
        """Its gradient as a difference of nonnegative parts.

        Parameters
        ----------
        B : array (..., K, N)
            As for `of_unit`.

        Returns
        -------
        plus, minus : array (..., K, N)
            The gradient is plus - minus.
        """
        raise NotImplementedError

    def value(self, B: Array) -> float:
        """What it adds to the objective.

        Parameters
        ----------
        B : array (..., K, N)
            Components of any length, one a row.

        Returns
        -------
        float
            With the weight.
        """
        return self.weight * float(self.of_unit(self._unit(B)[0]))

    def parts(self, B: Array) -> tuple[Array, Array]:
        """Both parts of the gradient of `value`.

        Parameters
        ----------
        B : array (..., K, N)
            As for `value`.

        Returns
        -------
        plus, minus : array (..., K, N)
            The gradient is plus - minus.
        """
        unit, length = self._unit(B)
        plus, minus = self.gradient_of_unit(unit)
        # by the chain rule: growing a component does not change it at unit length
        slope = unit if self.norm == 2 else 1.0
        along_plus = (plus * unit).sum(-1)[..., None] * slope
        along_minus = (minus * unit).sum(-1)[..., None] * slope
        factor = self.weight / length
        return factor * (plus + along_minus), factor * (minus + along_plus)

    def times(self, factor: float) -> Penalty:
        """The same penalty, its weight multiplied.

        Parameters
        ----------
        factor : float
            What to multiply the weight with.

        Returns
        -------
        Penalty
            A copy, or the penalty itself for a factor of 1.
        """
        if factor == 1:
            return self
        penalty = copy(self)
        # so that no product with it overflows in single precision
        penalty.weight = min(self.weight * factor, 1e30)
        return penalty

    def seen_from(self, name: Any, block: Any, problem: Any) -> Any:
        """The penalty on one block as a function of another, the rest held.

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
        Penalty or None
            With `value`, `parts` and `is_linear`; None where it does not depend on
            the block that moves.
        """
        if block == "core":
            raise ValueError(
                f"penalties['core'] is {type(self).__name__}, which is for components "
                "in rows, and a core has none; a core takes Sparsity"
            )
        return self if name == block else None

    def _unit(self, B):
        length = length_of(B, self.norm)
        return B / length, length


class Sparsity(Penalty):
    """ℓ1 norm of a factor, the other factors' components counting at unit length.

    For an NMF and ``penalties={"activations": Sparsity(μ)}``:

        D(V | W H) + μ Σ_k ‖w_k‖₂ ‖h_k‖₁,

    which is the D(V | W̄ H) + μ ‖H‖₁ of the paper, W̄ being W with unit columns. In
    this form, with the scale in the product, both updates are majorizations and the
    objective never rises. An NCP's mode counts with the product of the other modes'
    lengths, an NTD's, and its core, with Σ core × lengths.

    It grows as the data does, and the divergence with the power β of that: for data
    that is multiplied with c the same sparsity takes the weight μ c^(β-1). The other
    penalties do not see the data's scale, and take a weight times c^β.

    Parameters
    ----------
    weight : float
        The μ above, in units of the divergence per unit of activation.

    References
    ----------
    Le Roux, Weninger and Hershey, "Sparse NMF - half-baked or well done?", MERL
    TR2015-023, 2015. Marmin, Goulart and Févotte, "Majorization-minimization for
    sparse nonnegative matrix factorization with the β-divergence", IEEE Transactions
    on Signal Processing 71, 2023 (the scale in the product).
    """

    degree = 1

    def seen_from(self, name: Any, block: Any, problem: Any) -> Any:
        """Its ℓ1 norm of the block, or for others the sum of their lengths, weighted.

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
        if name not in lengths:
            return None
        coupling = problem.coupling(name, lengths)
        # the core, in which the objective is linear, counts in ℓ1 in any case
        return Lengths(self.weight * coupling, 1 if name in (block, "core") else 2)


class Smoothness(Penalty):
    """Squared steps in time, relative to a component's energy: Σ_t (h_t - h_{t-1})²/σ².

    σ² is the component's mean square, so that quiet and loud components are smoothed
    alike. Of a tensor, "time" is the axis of the mode that it is given for.

    Parameters
    ----------
    weight : float
        The objective is the divergence plus `weight` times the penalty.

    References
    ----------
    Virtanen, "Monaural sound source separation by nonnegative matrix factorization
    with temporal continuity and sparseness criteria", IEEE Transactions on Audio,
    Speech, and Language Processing 15 (3), 2007.
    """

    def of_unit(self, B):
        steps = B[..., 1:] - B[..., :-1]
        return B.shape[-1] * (steps * steps).sum()

    def gradient_of_unit(self, B):
        plus, minus = 0 * B, 0 * B
        for here, there in ((slice(1, None), slice(-1)), (slice(-1), slice(1, None))):
            plus[..., here] += B[..., here]
            minus[..., here] += B[..., there]
        return 2 * B.shape[-1] * plus, 2 * B.shape[-1] * minus


class Orthogonality(Penalty):
    """Cosines of all pairs of components, zero where no two of them overlap.

    The paper stays on the manifold of orthogonal factors, for β = 2; as a penalty it
    is for any β, and the weight decides how much overlap is left.

    Parameters
    ----------
    weight : float
        The objective is the divergence plus `weight` times the penalty.

    References
    ----------
    Choi, "Algorithms for orthogonal nonnegative matrix factorization", IJCNN 2008.
    """

    def of_unit(self, B):
        # the squared length of their sum, less what each contributes by itself
        return ((B.sum(-2) ** 2).sum() - (B * B).sum()) / 2

    def gradient_of_unit(self, B):
        return B.sum(-2)[..., None, :] - B, 0 * B


class MinimumVolume(Penalty):
    """log det(W̄ᵀ W̄ + δ I), W̄ being the templates with columns of sum 1.

    Templates move together until they just enclose the data, which makes them unique
    under mild conditions, and superfluous ones redundant.

    Parameters
    ----------
    weight : float
        The objective is the divergence plus `weight` times the penalty.
    delta : float, default=0.01
        The δ that bounds the volume of dependent templates from below.

    References
    ----------
    Leplat, Gillis and Ang, "Blind audio source separation with minimum-volume
    beta-divergence NMF", IEEE Transactions on Signal Processing 68, 2020.
    """

    norm = 1

    def __init__(self, weight: float, delta: float = 0.01) -> None:
        super().__init__(weight)
        if not delta > 0:
            raise ValueError(f"delta is {delta!r}; give a number above 0")
        self.delta = delta

    def of_unit(self, B):
        return library_of(B).linalg.slogdet(self._gram(B))[1].sum()

    def gradient_of_unit(self, B):
        inverse = library_of(B).linalg.inv(self._gram(B))
        return 2 * inverse.clip(0) @ B, 2 * (-inverse).clip(0) @ B

    def _gram(self, B):
        identity = library_of(B).eye(B.shape[-2], dtype=B.dtype, device=B.device)
        return B @ B.mT + self.delta * identity


def check_penalties(penalties: Any, blocks: Any) -> dict[Any, list]:
    """Lists of penalties by block; a ValueError names what does not fit."""
    if penalties is None:
        return {}
    if not isinstance(penalties, Mapping):
        raise ValueError(
            f"penalties is {penalties!r}; give a dict, of a penalty to each factor's "
            "name"
        )
    check_names(penalties, "penalties", blocks)
    lists = {
        name: list(given) if isinstance(given, (list, tuple)) else [given]
        for name, given in penalties.items()
    }
    for name, given in lists.items():
        for penalty in given:
            if not isinstance(penalty, Penalty):
                raise ValueError(
                    f"penalties[{name!r}] has {penalty!r}; give penalties of "
                    "musaic_core.lowrank.penalties, such as Sparsity(0.1)"
                )
    return {name: [p for p in given if p.weight > 0] for name, given in lists.items()}
