"""NMF that finds its rank: components that explain too little vanish.

The objective, and why the updates never raise it, are in
docs/structured_factorizations.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np

from musaic_core.lowrank.arrays import dtype_name, library_of, to_numpy
from musaic_core.lowrank.checks import (
    check_beta,
    check_choice,
    check_count,
    check_limits,
)
from musaic_core.lowrank.divergence import BetaDivergence
from musaic_core.lowrank.fit import best_of, factors_of
from musaic_core.lowrank.missing import observed
from musaic_core.lowrank.models import NMF
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.options import Options, complete
from musaic_core.lowrank.penalties import Penalty

__all__ = ["ARDNMF", "ard_nmf"]

Array = Any

POWERS = {"l1": 1, "l2": 2}  # the f of the prior: f(x) = Σ x^p / p
RELEVANT = 1.01  # times the least relevance: what is below has vanished


@dataclass(eq=False)
class ARDNMF(NMF):
    """An NMF that has found its rank, the most relevant component first.

    Its objective, with the penalty and all components, is that of the data over its
    mean.

    Parameters
    ----------
    templates : array (F, C)
        One spectrum a column; C is the rank that was found.
    activations : array (C, T)
        How strong each template is in each frame.
    n_iter : int
        Iterations that were run; those of the start are not counted.
    relevance : ndarray, shape (C,)
        The scale λ of each component's entries in its templates and activations.
    dispersion : float
        The φ of the objective, as given or estimated.
    labels : sequence of length C, optional
        What each component stands for.
    """

    relevance: np.ndarray | None = None
    dispersion: float = 1.0


def ard_nmf(
    V: Array,
    rank: int,
    *,
    prior: str = "l1",
    shape: float | None = None,
    dispersion: float | None = None,
    init: str | tuple[Array | None, Array | None] | ARDNMF = "random",
    start_iter: int = 100,
    **options: Unpack[Options],
) -> ARDNMF:
    """Factorize with as many components as the data asks for, `rank` at most.

    Each component's template and activations have a prior of one scale λ_k, its
    relevance, which is estimated with them (automatic relevance determination). What is
    minimised is the posterior's negative logarithm times φ, with the best λ:

        D(V | W H) + φ c Σ_k log(f(w_k) + f(h_k) + b),  λ_k = (f(w_k) + f(h_k) + b) / c,

    with f the ℓ1 norm and c = F + T + a + 1, or half the squared ℓ2 norm and
    c = (F + T) / 2 + a + 1. Components of which the fit has less than the logarithm
    costs go to zero, and are left out of the result.

    Parameters
    ----------
    V : array (F, T)
        Nonnegative; NumPy or PyTorch, on any device. float32 and float64 are kept,
        other dtypes become float64.
    rank : int
        Components to begin with, more than there should be.
    prior : {"l1", "l2"}, default="l1"
        Of a component's entries: exponential, which makes them sparse, or half-normal.
    shape : float, optional
        The a of the inverse-gamma prior of λ, above 2 for "l1" and 1 for "l2", by
        default 3 and 1.1. The larger, the closer the relevances are to each other, and
        the more remain: of b, which follows from it and V's mean, a component has its
        share for little. "l2" needs it small.
    dispersion : float, optional
        How far V may be from W H: the φ of a model with variance φ (W H)^(2-β), in V's
        units to the β-th power. 1 for counts with ``beta=1``, σ² for normal noise with
        ``beta=2``, one over the number of averaged spectra with ``beta=0``. The larger,
        the fewer components remain. By default, that of the NMF that it starts from.
    init : str, (W, H) or ARDNMF, default="random"
        As for `musaic_core.lowrank.nmf`. A model that this gave of the same data goes
        on from where it is, with its dispersion unless another is given.
    start_iter : int, default=100
        Iterations of an NMF without the prior, from which it starts.
    **options : Options
        beta, update, mask, data_weights, max_iter, tol, n_starts and so on: see
        `musaic_core.lowrank.options.Options`. The updates are "mu" and
        "mu-extrapolated"; `max_iter` is 1000 by default, as components vanish slowly.
        The callback gets a model with all components.

    Returns
    -------
    ARDNMF
        Templates (F, C) and activations (C, T) of the components that remain.

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.
    TypeError
        Names keyword arguments that are none of those above.

    References
    ----------
    Tan and Févotte, "Automatic relevance determination in nonnegative matrix
    factorization with the β-divergence", IEEE Transactions on Pattern Analysis and
    Machine Intelligence 35 (7), 2013.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> V = rng.poisson(20 * rng.gamma(0.5, 1, (40, 3)) @ rng.gamma(0.5, 1, (3, 60)))
    >>> ard_nmf(V, 8, seed=0).templates.shape
    (40, 3)
    """
    given = complete({"max_iter": 1000, **options})
    check_limits(given)
    if given["n_starts"] > 1:
        # from other starts with the dispersion of the first, or none could be compared
        return best_of(
            given["n_starts"],
            given["seed"],
            lambda seed, first: ard_nmf(
                V,
                rank,
                prior=prior,
                shape=shape,
                dispersion=dispersion if first is None else first.dispersion,
                init=init,
                start_iter=start_iter,
                **given | {"seed": seed, "n_starts": 1},
            ),
        )
    V, weights, mean = observed(V, given["data_weights"], given["missing"])
    given |= {"data_weights": weights, "missing": None}
    if V.ndim != 2:
        raise ValueError(f"V has {V.ndim} axes; give a matrix (F, T)")
    for name in ("fixed", "penalties"):
        if given[name]:
            raise ValueError(f"{name} is given; components of known relevance need nmf")
    check_choice(prior, "prior", POWERS)
    power = POWERS[prior]
    shape = {1: 3.0, 2: 1.1}[power] if shape is None else shape
    if not (shape > 3 - power and math.isfinite(shape)):
        raise ValueError(f"shape is {shape!r}; give a number above {3 - power}")
    if dispersion is not None and not (dispersion > 0 and math.isfinite(dispersion)):
        raise ValueError(
            f"dispersion is {dispersion!r}; give a number above 0, or None"
        )
    rank, beta = check_count(rank, "rank"), check_beta(given["beta"])
    # the data is brought to mean 1, and both factors take back its root
    mean = mean or 1.0
    X, root = V / mean, math.sqrt(mean)
    given["epsilon"] /= root
    if isinstance(init, ARDNMF):
        start = factors_of(init, ("templates", "activations"))
        dispersion = init.dispersion if dispersion is None else dispersion
    else:
        if isinstance(init, (tuple, list)):
            init = tuple(None if U is None else U / root for U in init)
        names = "beta", "mask", "seed", "backend", "data_weights"
        plain = {name: given[name] for name in names}
        first = nmf(X, rank, init=init, max_iter=start_iter, **plain)
        start = _balanced(first, power)
    if dispersion is None:
        phi = _dispersion_of(X, first, beta, weights)
    else:
        phi = dispersion / mean**beta
    if power == 1:
        b = math.sqrt((shape - 1) * (shape - 2) / rank)
    else:
        b = math.pi * (shape - 1) / (2 * rank)
    c = sum(V.shape) / power + shape + 1
    callback = given.pop("callback")

    def result(model):
        W, H = model.templates, model.activations
        sizes = _size(W.mT, power) + _size(H, power)
        relevance = (to_numpy(sizes)[:, 0] + b) / c * root**power
        return ARDNMF(W * root, H * root, model.n_iter, relevance, phi * mean**beta)

    found = nmf(
        X,
        rank,
        init=start,
        penalties={"templates": _Relevance(phi * c, power, b)},
        callback=callback and (lambda n, model: callback(n, result(model))),
        **{name: given[name] for name in given if name != "penalties"},
    )
    model = _pruned(result(found), RELEVANT * b / c * root**power)
    model.fit = found.fit
    return model


class _Relevance(Penalty):
    """Σ_k log(f(w_k) + f(h_k) + b), of a model's components."""

    any_scale = False

    def __init__(self, weight, power, b):
        super().__init__(weight)
        self.power, self.b = power, b

    def seen_from(self, name, block, problem):
        others = [
            _size(problem.as_moving(other, factor), self.power)
            for other, factor in problem.blocks.items()
            if other != name
        ]
        return _LogSize(self.weight, self.power, sum(others) + self.b)


class _LogSize:
    """Σ_k log(f(b_k) + rest_k), the other factors held in `rest` (K, 1)."""

    def __init__(self, weight, power, rest):
        self.weight, self.power, self.rest = weight, power, rest
        self.is_linear = power == 1  # it lies below its tangent, which then is

    def value(self, B):
        size = _size(B, self.power) + self.rest
        return self.weight * float(library_of(B).log(size).sum())

    def parts(self, B):
        slope = self.weight / (_size(B, self.power) + self.rest)
        return slope * B ** (self.power - 1), 0.0


def _size(B, power):
    """The f of each row of B, (K, 1)."""
    return (B**power).sum(-1)[..., None] / power


def _balanced(start, power):
    """The factors, so scaled that f is least: alike in templates and activations."""
    W, H = start.templates, start.activations
    w, h = _size(W.mT, power), _size(H, power)
    ratio = (h + (h == 0)) / (w + (w == 0))
    ratio = ratio ** (1 / (2 * power))
    return W * ratio.mT, H / ratio


def _dispersion_of(X, model, beta, weights):
    """φ of the residual: a deviance, 2 D, is φ times the degrees of freedom."""
    divergence = BetaDivergence.for_data(beta, 1.0, dtype_name(X))
    deviance = 2 * divergence(X, model.reconstruct() + divergence.floor, weights)
    n_entries = math.prod(X.shape) if weights is None else int((weights > 0).sum())
    return max(deviance / max(n_entries - model.n_parameters, n_entries / 10), 1e-12)


def _pruned(model, least):
    order = [int(k) for k in np.argsort(-model.relevance, kind="stable")]
    kept = [k for k in order if model.relevance[k] > least]
    W, H = model.templates[:, kept], model.activations[kept]
    return ARDNMF(W, H, model.n_iter, model.relevance[kept], model.dispersion)
