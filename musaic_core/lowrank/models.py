"""What a nonnegative low-rank model gives back, whatever its shape.

Every model offers the same four members: ``templates`` (F, R), ``activations``
(R, T), ``reconstruct()`` and ``n_parameters``. Seen from its first mode, a tensor
model is an NMF whose activations are structured, so what decodes an NMF decodes
them all. Arrays are NumPy or PyTorch, as the data was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Any

from tensorly.cp_tensor import CPTensor
from tensorly.tucker_tensor import TuckerTensor

from musaic_core.lowrank.arrays import khatri_rao, multi_mode_product

__all__ = ["NCP", "NMF", "NTD", "DeepNCP", "DeepNMF", "DeepNTD", "Layer"]

Array = Any


@dataclass(eq=False)
class NMF:
    """Nonnegative matrix factorization, ``V ≈ templates @ activations``.

    Parameters
    ----------
    templates : array (..., F, R)
        One spectrum a column. Leading axes, if any, are a batch of factorizations.
    activations : array (..., R, T)
        How strong each template is in each frame.
    n_iter : int
        Iterations that were run.
    """

    templates: Array
    activations: Array
    n_iter: int = 0

    def reconstruct(self) -> Array:
        """The model's approximation of the data, (..., F, T)."""
        return self.templates @ self.activations

    @property
    def n_parameters(self) -> int:
        """Numbers that the model is made of."""
        return _size(self.templates) + _size(self.activations)


@dataclass(eq=False)
class NCP:
    """Nonnegative CP decomposition, ``V ≈ sum_r a_r ∘ b_r ∘ c_r``.

    Parameters
    ----------
    cp : tensorly.cp_tensor.CPTensor
        Weights (R,) and one factor (I_n, R) a mode; the first mode is frequency.
    n_iter : int
        Iterations that were run.
    """

    cp: CPTensor
    n_iter: int = 0

    @property
    def factors(self) -> list[Array]:
        """One factor (I_n, R) a mode."""
        return self.cp.factors

    @property
    def templates(self) -> Array:
        """The frequency mode's factor, (F, R), weights included."""
        first = self.cp.factors[0]
        return first if self.cp.weights is None else first * self.cp.weights

    @property
    def activations(self) -> Array:
        """The other modes' Khatri-Rao product, (R, product of their sizes)."""
        return khatri_rao(self.cp.factors[1:]).T

    def reconstruct(self) -> Array:
        """The model's approximation of the data, in the data's shape."""
        shape = tuple(len(factor) for factor in self.cp.factors)
        return (self.templates @ self.activations).reshape(shape)

    @property
    def n_parameters(self) -> int:
        """Numbers that the factors are made of."""
        return sum(map(_size, self.cp.factors))


@dataclass(eq=False)
class NTD:
    """Nonnegative Tucker decomposition, ``V ≈ core ×₁ W ×₂ H ×₃ Q``.

    Parameters
    ----------
    tucker : tensorly.tucker_tensor.TuckerTensor
        Core (R_1, ..., R_N) and one factor (I_n, R_n) a mode: frequency, time in
        bar, bar.
    n_iter : int
        Iterations that were run.
    """

    tucker: TuckerTensor
    n_iter: int = 0

    @property
    def core(self) -> Array:
        """How the modes' components combine, (R_1, ..., R_N)."""
        return self.tucker.core

    @property
    def factors(self) -> list[Array]:
        """One factor (I_n, R_n) a mode."""
        return self.tucker.factors

    @property
    def templates(self) -> Array:
        """The frequency mode's factor, (F, R_1)."""
        return self.tucker.factors[0]

    @property
    def activations(self) -> Array:
        """``core ×₂ H ×₃ Q`` unfolded in time, (R_1, product of the other sizes)."""
        factors = self.tucker.factors[1:]
        unfolded = multi_mode_product(self.tucker.core, factors, first_mode=1)
        return unfolded.reshape(len(unfolded), -1)

    def reconstruct(self) -> Array:
        """The model's approximation of the data, in the data's shape."""
        shape = tuple(len(factor) for factor in self.tucker.factors)
        return (self.templates @ self.activations).reshape(shape)

    @property
    def n_parameters(self) -> int:
        """Numbers that the core and the factors are made of."""
        return _size(self.tucker.core) + sum(map(_size, self.tucker.factors))


@dataclass(eq=False)
class Layer(NMF):
    """One depth of a deep model, seen as an NMF of the data.

    Parameters
    ----------
    templates, activations, n_iter
        As in `NMF`; the activations are the product of those above.
    n_parameters : int
        Numbers that the whole model is made of.
    """

    n_parameters: int = 0


@dataclass(eq=False)
class DeepNMF(NMF):
    """An NMF whose templates are explained by layers below.

    Parameters
    ----------
    templates, activations, n_iter
        Of the NMF of the data, the finest layer.
    below : list of NMF
        The first factorizes the templates, ``templates ≈ W_2 A_2``, the next one W_2,
        and so on. Column k of A_2 says what template k is made of.
    tied : bool
        Whether the templates are the product of what is below, and not compared
        with it.
    """

    below: list[NMF] = field(default_factory=list)
    tied: bool = False

    @property
    def layers(self) -> list[Layer]:
        """The data at every depth: ``V ≈ W_l (A_l … A_2 H)``, the finest first."""
        return _at_every_depth(self, self.below)

    @property
    def n_parameters(self) -> int:
        return _size(self.activations) + _stack_size(
            self.templates, self.below, self.tied
        )


@dataclass(eq=False)
class DeepNCP(NCP):
    """An NCP with layers below the factors of some modes.

    Parameters
    ----------
    cp, n_iter
        Of the NCP of the data.
    below : dict of int to list of NMF
        By mode: the first factorizes the mode's factor, ``U ≈ U_2 A_2``, the next one
        U_2, and so on.
    tied : bool
        Whether those factors are the product of what is below.
    """

    below: dict[int, list[NMF]] = field(default_factory=dict)
    tied: bool = False

    @property
    def layers(self) -> list[Layer]:
        """The data at every depth of the frequency mode, seen as an NMF."""
        return _at_every_depth(self, self.below.get(0, []))

    @property
    def n_parameters(self) -> int:
        return sum(
            _stack_size(factor, self.below.get(mode, []), self.tied)
            for mode, factor in enumerate(self.factors)
        )


@dataclass(eq=False)
class DeepNTD(NTD):
    """An NTD with layers below the factors of some modes or below its core.

    Parameters
    ----------
    tucker, n_iter
        Of the NTD of the data.
    below : dict of int or "core" to list of NMF
        By mode: the first factorizes the mode's factor, the next one its templates,
        and so on. Below the core, its unfolding (R_1 … R_N-1, R_N) whose columns are
        the patterns of the last mode.
    tied : bool
        Whether those factors are the product of what is below.
    """

    below: dict[int | str, list[NMF]] = field(default_factory=dict)
    tied: bool = False

    @property
    def layers(self) -> list[Layer]:
        """The data at every depth of the frequency mode, seen as an NMF."""
        return _at_every_depth(self, self.below.get(0, []))

    @property
    def n_parameters(self) -> int:
        blocks = [*enumerate(self.factors), ("core", self.core)]
        return sum(
            _stack_size(block, self.below.get(name, []), self.tied)
            for name, block in blocks
        )


def _at_every_depth(model, below):
    size, activations = model.n_parameters, model.activations
    layers = [Layer(model.templates, activations, model.n_iter, size)]
    for layer in below:
        activations = layer.activations @ activations
        layers.append(Layer(layer.templates, activations, model.n_iter, size))
    return layers


def _stack_size(block, below, tied):
    """Numbers in a factor and its layers; what is tied follows from the deepest."""
    if not below:
        return _size(block)
    free = [below[-1].templates] if tied else [block, *(nmf.templates for nmf in below)]
    return sum(map(_size, free)) + sum(_size(nmf.activations) for nmf in below)


def _size(array: Array) -> int:
    return prod(array.shape)
