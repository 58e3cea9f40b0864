"""What a nonnegative low-rank model gives back, whatever its shape.

Every model offers the same four members: ``templates`` (F, R), ``activations``
(R, T), ``reconstruct()`` and ``n_parameters``. Seen from its first mode, a tensor
model is an NMF whose activations are structured, so what decodes an NMF decodes
them all. Arrays are NumPy or PyTorch, as the data was.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from tensorly.cp_tensor import CPTensor
from tensorly.tucker_tensor import TuckerTensor

from musaic_core.tensors import khatri_rao, multi_mode_product

__all__ = ["NCP", "NMF", "NTD"]

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


def _size(array: Array) -> int:
    return prod(array.shape)
