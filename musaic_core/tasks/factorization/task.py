"""Nonnegative arrays to approximate, from one start for every solver."""

from collections.abc import Callable
from dataclasses import dataclass

import joblib
import numpy as np
from tensorly.cp_tensor import CPTensor
from tensorly.tucker_tensor import TuckerTensor

from musaic_core.lowrank.arrays import unfold
from musaic_core.lowrank.models import NCP, NMF, NTD
from musaic_core.lowrank.ncp import ncp
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.ntd import ntd
from musaic_core.tasks.base import Estimate, Task, reason_of

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
        Matrix (F, T) or tensor, frequency first.
    """

    id: str
    V: np.ndarray

    @property
    def identity(self) -> str:
        """Digest of it."""
        return joblib.hash((self.id, self.V))


class Approximation(Task):
    """``V ≈ model``, as close as possible.

    Parameters
    ----------
    data : Data
    model : {"nmf", "ncp", "ntd"}
    ranks : int or tuple of int
        Number of components; of an NTD, one a mode.
    beta : float
        Of the β-divergence to minimise.
    seed : int
        Of the start.
    truth : NMF, NCP or NTD, optional
        What V was made from.
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
        data: Data,
        model: str,
        ranks: int | tuple[int, ...],
        beta: float,
        seed: int = 0,
        truth: Factorization | None = None,
    ) -> None:
        super().__init__([], [data], seed)
        self.data, self.model, self.ranks = data, model, ranks
        self.beta, self.truth = beta, truth
        # a model of matrices gets a tensor unfolded, frequency × the rest
        self.axes = self.axes[:1] if data.V.ndim == 2 else self.axes[1:]
        start = METHODS[model](data.V, ranks, max_iter=0, seed=seed)
        self._start = arrays(start)

    @property
    def V(self) -> np.ndarray:  # noqa: N802
        """The data."""
        return self.data.V

    @property
    def start(self) -> list[np.ndarray]:
        """Random factors to start from, in the order of `assemble`; copies."""
        return [factor.copy() for factor in self._start]

    def misfit(self, solver):
        beta = getattr(solver, "beta", self.beta)
        if beta != self.beta:
            return f"it minimises β = {beta}; the task asks for β = {self.beta}"

    def represent(self, recording, axes=axes[0]):
        """The data with these axes."""
        return unfold(self.V, 0) if len(axes) == 2 else self.V

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
