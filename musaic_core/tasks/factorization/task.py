"""Nonnegative arrays to approximate, from one start for every solver."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import joblib
import numpy as np
from tensorly.cp_tensor import CPTensor
from tensorly.tucker_tensor import TuckerTensor

from musaic_core.data.errors import reason_of
from musaic_core.lowrank.arrays import unfold
from musaic_core.lowrank.models import NCP, NMF, NTD
from musaic_core.lowrank.ncp import ncp
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.ntd import ntd
from musaic_core.tasks.base import Estimate, Task

METHODS = {"nmf": nmf, "ncp": ncp, "ntd": ntd}
Factorization = NMF | NCP | NTD


@dataclass(eq=False)
class Data:
    """A nonnegative array in the place of a recording.

    Parameters
    ----------
    id : str
        What it is.
    V : ndarray
        Matrix (F, T) or tensor, frequency first. NaN where an entry is missing.
    truth : NMF, NCP or NTD, optional
        What V was made from.
    held_out : ndarray of bool, of V's shape, optional
        Entries that models are to predict, and are not shown.
    """

    id: str
    V: np.ndarray
    truth: Factorization | None = None
    held_out: np.ndarray | None = None

    @property
    def identity(self) -> str:
        """Digest of it."""
        return joblib.hash((self.id, self.V, self.held_out))

    def shown(self) -> "Data":
        """Leave out what a model is not to see.

        Returns
        -------
        Data
            Without the truth, and with NaN where entries are held out.
        """
        if self.held_out is None:
            return Data(self.id, self.V)
        return Data(self.id, np.where(self.held_out, self.V.dtype.type("nan"), self.V))


class Approximation(Task):
    """``V ≈ model``, as close as possible.

    Parameters
    ----------
    data : Data, or list of Data of one shape
        A model is given what they show, one after the other; algorithms that go on
        from a start are given the first.
    model : {"nmf", "ncp", "ntd"}
    ranks : int or tuple of int
        Number of components; of an NTD, one a mode.
    beta : float
        Of the β-divergence to minimise.
    seed : int
        Of the start.
    """

    answers = "factors"
    has_train = False
    axes = (
        ("frequency", "time"),
        ("frequency", "time in bar × bar"),
        ("frequency", "time in bar", "bar"),
    )

    def __init__(
        self,
        data: Data | list[Data],
        model: str,
        ranks: int | tuple[int, ...],
        beta: float,
        seed: int = 0,
    ) -> None:
        data = data if isinstance(data, list) else [data]
        super().__init__([], [each.shown() for each in data], seed)
        self.data = self.test[0]
        self.model, self.ranks, self.beta = model, ranks, beta
        # a model of matrices gets a tensor unfolded, frequency × the rest
        self.axes = self.axes[:1] if self.V.ndim == 2 else self.axes[1:]

    @property
    def V(self) -> np.ndarray:  # noqa: N802
        """The data."""
        return self.data.V

    @property
    def start(self) -> list[np.ndarray]:
        """Random factors to start from, in the order of `assemble`; copies."""
        return [factor.copy() for factor in self._start]

    @cached_property
    def _start(self):
        start = METHODS[self.model](self.V, self.ranks, max_iter=0, seed=self.seed)
        return arrays(start)

    @property
    def holds_out(self) -> bool:
        """Whether there are entries that models are not shown."""
        return any(bool(np.isnan(data.V).any()) for data in self.test)

    def misfit(self, solver):
        if self.holds_out and not getattr(solver, "predicts", False):
            return "entries are held out, and it does not predict them"
        beta = getattr(solver, "beta", self.beta)
        if beta != self.beta:
            return f"it minimises β = {beta}; the task asks for β = {self.beta}"

    def represent(self, recording, axes=axes[0]):
        """The data with these axes."""
        return unfold(recording.V, 0) if len(axes) == 2 else recording.V

    def describe(self, model, given):
        """A model is its own description."""
        return model

    def tune(self, describe):
        """There is nothing to tune: the answer is the model."""
        return lambda model, recording: (model, None)

    def minimise(self, algorithm: Callable, n_iter: int) -> dict[str, Estimate]:
        """Let an algorithm improve the start.

        Parameters
        ----------
        algorithm : callable
            ``algorithm(start, n_iter)`` gives the factors, in the order of `assemble`,
            after so many iterations.
        n_iter : int
            With 0 the answer is the start.

        Returns
        -------
        dict of str to Estimate
            By the data's id; with the reason where the algorithm failed.
        """
        try:
            factors = algorithm(self.start, n_iter) if n_iter else self.start
            model = assemble(self.model, factors)
        except Exception as error:
            return {self.data.id: Estimate(error=reason_of(error, self.data.id))}
        size = model.n_parameters
        return {self.data.id: Estimate(model, model, n_parameters=size)}


def arrays(factorization: Factorization) -> list[np.ndarray]:
    """Take a factorization apart.

    Parameters
    ----------
    factorization : NMF, NCP or NTD

    Returns
    -------
    list of ndarray
        The factors in the order of `assemble`.
    """
    if isinstance(factorization, NMF):
        return [factorization.templates, factorization.activations]
    if isinstance(factorization, NTD):
        return [*factorization.factors, factorization.core]
    return list(factorization.factors)


def assemble(model: str, factors: list[np.ndarray]) -> Factorization:
    """Make a factorization of its factors.

    Parameters
    ----------
    model : {"nmf", "ncp", "ntd"}
    factors : list of ndarray
        nmf: templates (F, R) and activations (R, T); ncp: one (I_n, R) a mode;
        ntd: one (I_n, R_n) a mode, then the core.

    Returns
    -------
    NMF, NCP or NTD
    """
    if model == "nmf":
        return NMF(*factors)
    if model == "ncp":
        return NCP(CPTensor((np.ones_like(factors[0][0]), list(factors))))
    *factors, core = factors
    return NTD(TuckerTensor((core, factors)))
