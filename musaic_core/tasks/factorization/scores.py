"""How well factors match those that data was made from."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from musaic_core.lowrank.models import NMF, NTD
from musaic_core.tasks.factorization.task import Factorization


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
