"""What a nonnegative low-rank model gives back, whatever its shape.

Every model has what `Model` says. Seen from its first mode, a tensor model is an NMF
whose activations are structured, so what decodes an NMF decodes them all. Arrays are
NumPy or PyTorch, as the data was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from math import prod
from reprlib import repr as shortened
from typing import Any

import numpy as np
from tensorly.cp_tensor import CPTensor
from tensorly.tucker_tensor import TuckerTensor

from musaic_core.lowrank.arrays import (
    copy_like,
    khatri_rao,
    multi_mode_product,
)
from musaic_core.lowrank.checks import near_one
from musaic_core.lowrank.lengths import row_norms

__all__ = ["NCP", "NMF", "NTD", "Model", "size_of", "with_gains"]

Array = Any


class Model:
    """A sum of C components, each a template (F) times its activations (T).

    T is the product of the sizes of all modes but the first.

    Attributes
    ----------
    templates : array (F, C)
        The components' spectra, or what stands for them.
    activations : array (C, T)
        How strong each component is, and when.
    labels : sequence of length C, or None
        What each component stands for, such as a pitch or an instrument, where someone
        has said so. It is no part of the mathematics.
    shape : tuple of int
        The data's.
    n_parameters : int
        Numbers that the model is made of.
    n_iter : int
        Iterations that were run.
    """

    templates: Array
    activations: Array
    labels: Sequence | None
    shape: tuple[int, ...]
    n_parameters: int
    n_iter: int
    fit = None  # a `Fit`, of what a factorization gave back

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # what a dataclass would make in its place prints all numbers
        cls.__repr__ = Model.__repr__

    def __repr__(self) -> str:
        """What it consists of, arrays by their shapes.

        Examples
        --------
        >>> import numpy as np
        >>> NMF(np.ones((513, 8)), np.ones((8, 200)))
        NMF(templates: (513, 8), activations: (8, 200), n_iter: 0)
        """
        told = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        parts = [f"{n}: {_told(v)}" for n, v in told.items() if v is not None]
        return f"{type(self).__name__}({', '.join(parts)})"

    @property
    def objective(self) -> float | None:
        """What was minimised, penalties and layers included, where the model ended.

        It is computed when it is first asked for, from V as it is then: a fit does not
        wait for it. None for a model that was put together by hand, and so below.
        """
        return self.fit and self.fit.objective

    @property
    def history(self) -> np.ndarray | None:
        """The objective at the start and after each iteration, with `history=True`."""
        return self.fit and self.fit.history

    @property
    def converged(self) -> bool:
        """Whether `tol` or `tol_kkt` ended the iterations."""
        return bool(self.fit and self.fit.converged)

    @property
    def kkt_residual(self) -> float | None:
        """How far the factors that moved are from a stationary point; 0 at one.

        The largest of their residuals, see `musaic_core.lowrank.kkt_residual`.
        Computed when it is first asked for.
        """
        return self.fit and self.fit.kkt_residual

    @property
    def update(self) -> Any:
        """The update rule with its momentum: `init=model, update=model.update` goes on.

        As if the iterations had not ended; without `update` they begin anew from the
        same factors. The rule that is given is copied, so the model stays as it is.
        Where the start is given back, as all that followed was worse, the rule has
        forgotten that. None for a function of one's own, which has no memory.
        """
        return self.fit and self.fit.update

    def reconstruct(self, gains: Array | None = None) -> Array:
        """The model's approximation of the data, in the data's shape.

        Parameters
        ----------
        gains : array (C,) or (C, T), optional
            What to multiply each component's activations with, such as 0 to leave it
            out. The result is linear in it. By default all are 1.

        Returns
        -------
        array
            Of the data's shape.

        Raises
        ------
        ValueError
            The gains have another shape.
        """
        activations = with_gains(self.activations, gains)
        return (self.templates @ activations).reshape(self.shape)

    def loudness(self) -> Array:
        """How much each component contributes to each column of the data.

        Returns
        -------
        array (C, T)
            Its part of the reconstruction, summed over frequency.
        """
        return self.activations * self.templates.sum(-2)[..., None]

    def along_last_mode(self, n_entries: int | None = None) -> Array:
        """How much of each pattern each entry of the last mode, such as a bar, has.

        A pattern is what a column of the last mode's factor multiplies: a template, a
        template in time, or the slice of an NTD's core with its factors. Columns are in
        units of their pattern's norm, so that a model's scale does not count. A model
        without such a factor is asked what the entries' activations are: its T columns
        are n × `n_entries` in C order, and there are K = C n patterns.

        Parameters
        ----------
        n_entries : int, optional
            The size B of the last mode, by default that of the data's last axis.

        Returns
        -------
        array (B, K)
            One column a pattern.

        Raises
        ------
        ValueError
            The columns cannot be shared out among so many entries.
        """
        activations = self.activations * self._norms()[:, None]
        n_entries = self.shape[-1] if n_entries is None else n_entries
        if n_entries < 1 or activations.shape[1] % n_entries:
            raise ValueError(
                f"n_entries is {n_entries}; give a divisor of the model's "
                f"{activations.shape[1]} columns"
            )
        return activations.reshape(-1, n_entries).T

    def _norms(self):
        """The ℓ2 norm of each component's template, (C,)."""
        return _norms(self.templates)


@dataclass(eq=False)
class NMF(Model):
    """Nonnegative matrix factorization, ``V ≈ templates @ activations``.

    Parameters
    ----------
    templates : array (..., F, C)
        One spectrum a column. Leading axes, if any, are a batch of factorizations.
    activations : array (..., C, T)
        How strong each template is in each frame.
    n_iter : int
        Iterations that were run.
    labels : sequence of length C, optional
        What each component stands for.
    """

    templates: Array
    activations: Array
    n_iter: int = 0
    labels: Sequence | None = field(default=None, kw_only=True)

    @property
    def shape(self) -> tuple[int, ...]:
        """The data's shape, (..., F, T)."""
        return (*self.templates.shape[:-1], self.activations.shape[-1])

    @property
    def n_parameters(self) -> int:
        """Numbers that the model is made of."""
        return size_of(self.templates) + size_of(self.activations)


class _TensorModel(Model):
    """What NCP and NTD share: a factor (I_n, R_n) a mode."""

    factors: list[Array]

    @property
    def shape(self) -> tuple[int, ...]:
        """The data's shape."""
        return tuple(len(factor) for factor in self.factors)

    def along_last_mode(self, n_entries: int | None = None) -> Array:
        """The last mode's factor; see `Model.along_last_mode`.

        Parameters
        ----------
        n_entries : int, optional
            The size B of the last mode; with another than the data's, the model is
            seen as an NMF.

        Returns
        -------
        array (B, R_N)
            In units of the patterns' norms.
        """
        if n_entries not in (None, self.shape[-1]):
            return super().along_last_mode(n_entries)
        return self._last_by_norms()

    def _last_by_norms(self):
        """The last mode's factor, (I_N, R_N), times its patterns' norms."""
        raise NotImplementedError


@dataclass(eq=False)
class NCP(_TensorModel):
    """Nonnegative CP decomposition, ``V ≈ sum_r a_r ∘ b_r ∘ c_r``.

    Parameters
    ----------
    cp : tensorly.cp_tensor.CPTensor
        Weights (C,) and one factor (I_n, C) a mode; the first mode is frequency.
    n_iter : int
        Iterations that were run.
    labels : sequence of length C, optional
        What each component, a rank-one term, stands for.
    """

    cp: CPTensor
    n_iter: int = 0
    labels: Sequence | None = field(default=None, kw_only=True)

    @property
    def factors(self) -> list[Array]:
        """One factor (I_n, C) a mode."""
        return self.cp.factors

    @property
    def templates(self) -> Array:
        """The frequency mode's factor, (F, C), weights included."""
        first = self.cp.factors[0]
        return first if self.cp.weights is None else first * self.cp.weights

    @property
    def activations(self) -> Array:
        """The other modes' Khatri-Rao product, (C, product of their sizes)."""
        return khatri_rao(self.cp.factors[1:]).T

    @property
    def n_parameters(self) -> int:
        """Numbers that the factors are made of."""
        return sum(map(size_of, self.factors))

    def _last_by_norms(self):
        _, *between, last = self.factors
        return last * self._norms() * prod(map(_norms, between))


@dataclass(eq=False)
class NTD(_TensorModel):
    """Nonnegative Tucker decomposition, ``V ≈ core ×₁ W ×₂ H ×₃ Q``.

    Parameters
    ----------
    tucker : tensorly.tucker_tensor.TuckerTensor
        Core (R_1, ..., R_N) and one factor (I_n, R_n) a mode: frequency, time in
        bar, bar.
    n_iter : int
        Iterations that were run.
    labels : sequence of length R_1, optional
        What each component, a column of the frequency mode's factor, stands for.
    """

    tucker: TuckerTensor
    n_iter: int = 0
    labels: Sequence | None = field(default=None, kw_only=True)

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

    @property
    def n_parameters(self) -> int:
        """Numbers that the core and the factors are made of."""
        return size_of(self.core) + sum(map(size_of, self.factors))

    def _last_by_norms(self):
        *others, last = self.factors
        pairs = [near_one(array) for array in (self.core, *others)]
        (core, *others), sizes = zip(*pairs, strict=True)
        energies = core * multi_mode_product(core, [U.T @ U for U in others])
        norms = energies.reshape(-1, last.shape[1]).sum(0) ** 0.5
        return last * (norms / prod(sizes))


def _told(value):
    """A value in few words: an array by its shape, a long list by its beginning."""
    if isinstance(value, Model):
        return repr(value)
    if getattr(value, "ndim", 0) > 0:
        return str(tuple(value.shape))
    if isinstance(value, (CPTensor, TuckerTensor)):
        value = list(value)  # the weights or the core, and the factors
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k!r}: {_told(v)}' for k, v in value.items())}}}"
    if isinstance(value, list) and any(
        isinstance(entry, (Model, list)) or getattr(entry, "ndim", 0) > 0
        for entry in value
    ):
        return f"[{', '.join(map(_told, value))}]"
    return shortened(value)


def with_gains(activations: Array, gains: Array | None) -> Array:
    """Activations (..., C, T), multiplied with gains (C,) or of their own shape."""
    if gains is None:
        return activations
    shape, size = tuple(np.shape(gains)), activations.shape[-2:]
    if shape not in ((size[0],), tuple(size), tuple(activations.shape)):
        raise ValueError(
            f"gains has shape {shape}; give ({size[0]},), one a component, or "
            f"{tuple(size)}, one a component and column"
        )
    gains = copy_like(gains, activations)
    return activations * (gains[:, None] if gains.ndim == 1 else gains)


def _norms(U):
    """The ℓ2 norm of each column."""
    return row_norms(U.mT)[..., 0]


def size_of(array: Array) -> int:
    """How many numbers an array has."""
    return prod(array.shape)
