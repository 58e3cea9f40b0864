"""Nonnegative arrays to approximate, from one start for every solver."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment
from tensorly.cp_tensor import CPTensor
from tensorly.tucker_tensor import TuckerTensor

from musaic_core.data.track import Track
from musaic_core.lowrank.arrays import unfold
from musaic_core.lowrank.models import NCP, NMF, NTD
from musaic_core.lowrank.ncp import ncp
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.ntd import ntd
from musaic_core.tasks.base import Estimate

METHODS = {"nmf": nmf, "ncp": ncp, "ntd": ntd}
Factorization = NMF | NCP | NTD


@dataclass
class Approximation:
    """The task of `benchmarks/factorization`: ``V ≈ model``, as close as possible.

    Parameters
    ----------
    name : str
        What V is.
    V : ndarray
        Nonnegative matrix (F, T) or tensor, frequency first.
    model : {"nmf", "ncp", "ntd"}
    ranks : int or tuple of int
        Number of components; of an NTD, one a mode.
    beta : float
        Of the β-divergence to minimise.
    seed : int
        Of the start.
    truth : NMF, NCP or NTD, optional
        What V was made from.
    recordings : list of Track
        What V was computed from.
    """

    name: str
    V: np.ndarray
    model: str
    ranks: int | tuple[int, ...]
    beta: float
    seed: int = 0
    truth: Factorization | None = None
    recordings: list[Track] = field(default_factory=list)

    asks_for = "factors"
    dictionary = None  # there is nothing to learn one from
    third_mode = "bar"  # of what is folded

    def __post_init__(self):
        start = METHODS[self.model](self.V, self.ranks, max_iter=0, seed=self.seed)
        self._start = arrays(start)

    @property
    def modes(self) -> tuple[int, ...]:
        """How many modes the V of a model may have."""
        return (2,) if self.V.ndim == 2 else (2, 3)

    @property
    def start(self) -> list[np.ndarray]:
        """Random factors to start from, in the order of `assemble`; copies."""
        return [factor.copy() for factor in self._start]

    def prepare(self, modes: int = 2) -> None:
        """Nothing to compute beforehand."""

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
            By `name`; with the reason where the algorithm failed.
        """
        if n_iter == 0:
            return self._answer(lambda: assemble(self.model, self.start))
        return self._answer(lambda: assemble(self.model, algorithm(self.start, n_iter)))

    def factorize(
        self, model: Callable, supervised: bool, modes: int = 2
    ) -> dict[str, Estimate]:
        """Let a model of the music tasks factorize V, with its own rank and start.

        A model of matrices (``modes=2``) gets a tensor unfolded, frequency × the rest.
        """
        V = unfold(self.V, 0) if modes == 2 else self.V
        return self._answer(lambda: model(V, None))

    def _answer(self, attempt):
        try:
            factorization = attempt()
        except Exception as error:
            return {self.name: Estimate(error=in_one_line(error))}
        size = factorization.n_parameters
        return {self.name: Estimate(factorization, factorization, n_parameters=size)}


def in_one_line(error: Exception) -> str:
    """What went wrong, without line breaks."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def arrays(factorization: Factorization) -> list[np.ndarray]:
    """The factors in the order of `assemble`."""
    if isinstance(factorization, NMF):
        return [factorization.templates, factorization.activations]
    if isinstance(factorization, NTD):
        return [*factorization.factors, factorization.core]
    return list(factorization.factors)


def assemble(model: str, factors: list[np.ndarray]) -> Factorization:
    """A factorization from its factors.

    Parameters
    ----------
    model : {"nmf", "ncp", "ntd"}
    factors : list of ndarray
        nmf: templates (F, R) and activations (R, T); ncp: one (I_n, R) a mode;
        ntd: one (I_n, R_n) a mode, then the core.
    """
    if model == "nmf":
        return NMF(*factors)
    if model == "ncp":
        return NCP(CPTensor((np.ones_like(factors[0][0]), list(factors))))
    *factors, core = factors
    return NTD(TuckerTensor((core, factors)))


def factor_match(truth: Factorization, estimate: Factorization) -> float:
    """How well the components of an estimate match the true ones.

    The congruence of two components is the product of the cosines of their vectors,
    over the modes; components are paired so that the sum of congruences is largest.
    Scale and order do not count. The modes of an NTD, whose components have no
    partners in other modes, are matched one by one.

    Parameters
    ----------
    truth, estimate : NMF, NCP or NTD
        Of one kind.

    Returns
    -------
    float
        Mean congruence, 1 for the true factors; components without a partner have 0.

    References
    ----------
    Acar, Dunlavy, Kolda and Mørup, "Scalable tensor factorizations for incomplete
    data", Chemometrics and Intelligent Laboratory Systems 106 (1), 2011.
    """
    if isinstance(truth, NMF):
        modes = [(truth.templates, estimate.templates)]
        modes += [(truth.activations.T, estimate.activations.T)]
    else:
        modes = list(zip(truth.factors, estimate.factors, strict=True))
    cosines = [_unit(a).T @ _unit(b) for a, b in modes]
    groups = cosines if isinstance(truth, NTD) else [np.prod(cosines, axis=0)]
    return float(np.mean([_matched(congruence) for congruence in groups]))


def _unit(factor):
    factor = np.asarray(factor, dtype=np.float64)
    norms = np.linalg.norm(factor, axis=0)
    return factor / np.where(norms > 0, norms, 1)


def _matched(congruence):
    pairs = linear_sum_assignment(congruence, maximize=True)
    return congruence[pairs].sum() / max(congruence.shape)
