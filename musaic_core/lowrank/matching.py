"""How alike factorizations are: components are paired, compared and brought in line.

The order and the scale of components are free, so two runs can't be compared entry by
entry. Here components are paired so that they are as alike as they can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment
from tensorly.cp_tensor import CPTensor
from tensorly.tucker_tensor import TuckerTensor

from musaic_core.lowrank.arrays import copy_like, scaled_along, to_numpy
from musaic_core.lowrank.checks import check_choice, check_count
from musaic_core.lowrank.models import NCP, NMF, NTD, Model

__all__ = ["Chance", "Consensus", "align", "chance_match", "consensus", "factor_match"]

Array = Any
Factors = Model | Sequence[Array]


def factor_match(truth: Factors, estimate: Factors) -> float:
    """How well the components of an estimate match the true ones.

    The congruence of two components is the product of the cosines of their vectors,
    over the modes; components are paired so that the sum of congruences is largest.
    Scale and order do not count: this is the factor match score without the term that
    compares weights. What a good value is, `chance_match` tells.

    Parameters
    ----------
    truth, estimate : Model, or sequence of arrays (I_n, C)
        Of as many modes. Of a tensor model the factors are compared, of others the
        templates and activations. The modes of an NTD, whose components have no
        partners in other modes, are matched one by one. Of a sequence, column k of
        all arrays together is component k: ``[model.templates]`` compares spectra.

    Returns
    -------
    float
        Mean congruence, 1 for the true factors; components without a partner have 0.

    Raises
    ------
    ValueError
        The two have another number or other sizes of modes.

    References
    ----------
    Acar, Dunlavy, Kolda and Mørup, "Scalable tensor factorizations for incomplete
    data", Chemometrics and Intelligent Laboratory Systems 106 (1), 2011.

    Examples
    --------
    >>> import numpy as np
    >>> W = np.random.default_rng(0).random((20, 3))
    >>> round(factor_match([W], [5 * W[:, ::-1]]), 12)
    1.0
    """
    return _score(_groups(truth, "truth"), _groups(estimate, "estimate"))


class Chance(NamedTuple):
    """What a match is by chance.

    Parameters
    ----------
    mean : float
        Over the draws.
    low, high : float
        Between which 95 % of the draws lie.
    """

    mean: float
    low: float
    high: float


def chance_match(
    truth: Factors,
    estimate: Factors,
    how: str = "permuted",
    n_draws: int = 200,
    seed: int | None = None,
) -> Chance:
    """Which `factor_match` random factors like those of an estimate have.

    Nonnegative vectors have nonnegative cosines, so that chance is far from zero.

    Parameters
    ----------
    truth, estimate : Model, or sequence of arrays (I_n, C)
        As for `factor_match`.
    how : {"permuted", "mixed"}, default="permuted"
        "permuted" shuffles the entries of each column of the estimate's factors: the
        draws have its distribution of values, and nothing else of it. "mixed" draws as
        many components as the truth has, each a convex combination of the estimate's
        columns with weights uniform on the simplex: what lies in the span of the
        estimate without any choice in it, such as a finer level below a coarse one.
    n_draws : int, default=200
        Draws.
    seed : int, optional
        Of the draws.

    Returns
    -------
    Chance
        Mean, and the interval of 95 % of the draws.

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.

    Examples
    --------
    >>> import numpy as np
    >>> W = np.random.default_rng(0).random((20, 3))
    >>> 0.7 < chance_match([W], [W], seed=0).mean < 0.9
    True
    """
    check_choice(how, "how", ("permuted", "mixed"))
    check_count(n_draws, "n_draws")
    rng = np.random.default_rng(seed)
    true, found = _groups(truth, "truth"), _groups(estimate, "estimate")
    scores = []
    for _ in range(n_draws):
        drawn = [
            [
                rng.permuted(U, axis=0)
                if how == "permuted"
                else _unit(U, 1) @ rng.dirichlet(np.ones(U.shape[1]), T.shape[1]).T
                for T, U in zip(*pair, strict=True)
            ]
            for pair in zip(true, found, strict=True)
        ]
        scores.append(_score(true, drawn))
    low, high = np.quantile(scores, (0.025, 0.975))
    return Chance(float(np.mean(scores)), float(low), float(high))


def align(model: Factors, reference: Factors) -> Factors:
    """Permute and scale the components of a model to those of another.

    Parameters
    ----------
    model : NMF, NCP or NTD, or sequence of arrays (I_n, C)
        What to bring in line; it stays as it is.
    reference : Model, or sequence of arrays (I_n, C)
        Of as many modes. Component k of the result is the one that matches its
        component k; those without a partner come last.

    Returns
    -------
    NMF, NCP or NTD, or list of arrays
        Of the model's kind, with the same reconstruction. All factors but the last
        (of an NTD all but the core) have columns of the reference's ℓ2 lengths; a
        single array has too.

    Raises
    ------
    TypeError
        The model is of another kind.
    ValueError
        The two have another number or other sizes of modes.
    """
    is_sequence = isinstance(model, (list, tuple))
    if not is_sequence and type(model) not in (NMF, NCP, NTD):
        raise TypeError(
            f"model is {type(model).__name__}; give NMF, NCP, NTD, or its factors in a "
            "list, such as [model.templates, model.activations.T]"
        )
    true, found = _groups(reference, "reference"), _groups(model, "model")
    _check_modes(true, found)
    orders, scales = [], []
    for ours, theirs in zip(found, true, strict=True):
        rows, order = _pairing(_congruences(theirs, ours))
        lengths = []
        for U, T in zip(ours, theirs, strict=True):
            wanted, has = _lengths(T)[rows], _lengths(U)[order]
            ratio = np.ones(len(order))
            np.divide(
                wanted, has[: len(rows)], ratio[: len(rows)], where=has[: len(rows)] > 0
            )
            lengths.append(np.where(ratio > 0, ratio, 1))
        if len(ours) > 1:
            lengths[-1] = 1 / np.prod(lengths[:-1], axis=0)
        orders.append(order)
        scales.append(lengths)
    if isinstance(model, NTD):
        return _aligned_ntd(model, orders, [scale for (scale,) in scales])
    (order,), (lengths,) = orders, scales
    labels = None if is_sequence else _permuted(model.labels, order)

    def moved(U, scale):
        return U[:, order] * copy_like(scale, U)

    if isinstance(model, NMF):
        W, Ht = (moved(*p) for p in zip(_pair(model), lengths, strict=True))
        return replace(model, templates=W, activations=Ht.T, labels=labels)
    factors = model if is_sequence else model.factors
    factors = [moved(*p) for p in zip(factors, lengths, strict=True)]
    if is_sequence:
        return factors
    weights = model.cp.weights
    weights = None if weights is None else weights[order]
    return replace(model, cp=CPTensor((weights, factors)), labels=labels)


@dataclass(eq=False)
class Consensus:
    """What several runs have in common.

    Parameters
    ----------
    model : NMF, NCP or list of ndarray
        The mean of the aligned runs: a start for a run that goes on from there.
    runs : list
        The runs, each aligned to the one that all others match best.
    agreement : ndarray, shape (C,)
        How alike a component is from run to run: the mean congruence over all pairs of
        runs, 1 where all found the same.
    """

    model: Any
    runs: list
    agreement: np.ndarray


def consensus(models: Sequence[Factors]) -> Consensus:
    """Cluster the components of several runs, one of each run a cluster.

    Parameters
    ----------
    models : sequence of NMF, of NCP, or of sequences of arrays (I_n, C)
        Two or more of one kind and as many components. Of an NTD give one mode's
        factor, ``[[model.factors[0]] for model in models]``.

    Returns
    -------
    Consensus
        The mean, the runs in line with each other, and how alike each component is.

    Raises
    ------
    ValueError
        There are fewer than two, or their sizes differ.
    TypeError
        They are of another kind than those above.
    """
    models = list(models)
    if len(models) < 2:
        raise ValueError(f"models has {len(models)} entries; give two runs or more")
    if any(isinstance(model, NTD) for model in models):
        raise TypeError(
            "models has an NTD, whose components differ from mode to mode; give the "
            "factor of one, as [[model.factors[0]] for model in models]"
        )
    groups = [_groups(model, "models") for model in models]
    if len({tuple(U.shape for U in group) for (group,) in groups}) > 1:
        raise ValueError("models differ in size; give runs of one rank on one array")
    matches = np.array([[_score(a, b) for b in groups] for a in groups])
    runs = [align(model, models[int(matches.sum(1).argmax())]) for model in models]
    units = [[_unit(U) for U in _groups(run, "models")[0]] for run in runs]
    agreement = np.mean(
        [
            np.prod([(U * T).sum(0) for U, T in zip(a, b, strict=True)], axis=0)
            for a, b in combinations(units, 2)
        ],
        axis=0,
    )
    factors = [
        np.mean(mode, axis=0)
        for mode in zip(*(_groups(run, "models")[0] for run in runs), strict=True)
    ]
    model = factors
    if isinstance(runs[0], NMF):
        model = NMF(factors[0], factors[1].T)
    elif isinstance(runs[0], NCP):
        model = NCP(CPTensor((np.ones(factors[0].shape[1]), factors)))
    return Consensus(model, runs, agreement)


def _groups(model, name):
    """Factors (I_n, C) in float64, in lists of those whose columns belong together."""
    if isinstance(model, NTD):
        groups = [[U] for U in model.factors]
    elif isinstance(model, NCP):
        groups = [[model.templates, *model.factors[1:]]]
    elif isinstance(model, (list, tuple)):
        groups = [list(model)]
    else:
        groups = [_pair(model)]
    groups = [[np.asarray(to_numpy(U), np.float64) for U in group] for group in groups]
    if not groups[0] or any(U.ndim != 2 for group in groups for U in group):
        raise ValueError(f"{name} has factors of other than two axes; give (I_n, C)")
    return groups


def _pair(model):
    return [model.templates, model.activations.T]


def _check_modes(true, found):
    sizes = [[[len(U) for U in group] for group in groups] for groups in (true, found)]
    if sizes[0] != sizes[1]:
        raise ValueError(
            f"the factors have {sizes[0]} and {sizes[1]} rows; give two factorizations "
            "of one kind, and of arrays of one shape"
        )


def _score(true, found):
    _check_modes(true, found)
    scores = []
    for theirs, ours in zip(true, found, strict=True):
        congruences = _congruences(theirs, ours)
        pairs = linear_sum_assignment(congruences, maximize=True)
        scores.append(congruences[pairs].sum() / max(congruences.shape))
    return float(np.mean(scores))


def _congruences(true, found):
    """Of each true component (rows) and each found one."""
    cosines = [_unit(T).T @ _unit(U) for T, U in zip(true, found, strict=True)]
    return np.prod(cosines, axis=0)


def _pairing(congruences):
    """The true components that have a partner; the found ones in their order.

    Found components without a partner come last.
    """
    rows, matched = linear_sum_assignment(congruences, maximize=True)
    others = set(range(congruences.shape[1])) - set(matched.tolist())
    return rows, [*matched.tolist(), *sorted(others)]


def _lengths(U, norm=2):
    return np.linalg.norm(U, norm, axis=0)


def _unit(U, norm=2):
    U = U / (U.max(0) + (U.max(0) == 0))  # so that no square vanishes or overflows
    lengths = _lengths(U, norm)
    return U / np.where(lengths > 0, lengths, 1)


def _permuted(labels, order):
    return None if labels is None else [labels[k] for k in order]


def _aligned_ntd(model, orders, scales):
    core, factors = model.core, []
    for mode, (U, order, scale) in enumerate(
        zip(model.factors, orders, scales, strict=True)
    ):
        scale = copy_like(scale, U)
        factors.append(U[:, order] * scale)
        core = core[(slice(None),) * mode + (order,)]
        core = scaled_along(core, mode, 1 / scale)
    labels = _permuted(model.labels, orders[0])
    return replace(model, tucker=TuckerTensor((core, factors)), labels=labels)
