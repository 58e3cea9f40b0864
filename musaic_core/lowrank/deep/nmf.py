"""Deep nonnegative matrix factorization with any β-divergence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import numpy as np

from musaic_core.lowrank.arrays import is_sparse
from musaic_core.lowrank.deep.models import DeepNMF, pack_layers
from musaic_core.lowrank.deep.stack import Layered
from musaic_core.lowrank.deep.start import (
    check_ranks,
    given_or,
    minimise_in_layers,
    with_sum_one,
)
from musaic_core.lowrank.nmf import (
    ListedNMFProblem,
    NMFProblem,
    SparseNMFProblem,
    nmf,
)
from musaic_core.lowrank.options import DEFAULTS, Options, complete

__all__ = ["deep_nmf", "multilayer_nmf"]

Array = Any


def deep_nmf(
    V: Array,
    ranks: Sequence[int],
    *,
    loss: str = "layers",
    weights: Sequence[float] | None = None,
    init: str | Mapping[str, Array] | DeepNMF = "random",
    start_iter: int = 50,
    **options: Unpack[Options],
) -> DeepNMF:
    """Factorize in layers: ``V ≈ W H``, ``W ≈ W_2 A_2``, ``W_2 ≈ W_3 A_3`` and so on.

    The factors are named "templates" W, "activations" H, "templates 2" W_2,
    "activations 2" A_2 and so on.

    Parameters
    ----------
    V : array or sparse matrix (F, T)
        Nonnegative; NumPy or PyTorch, or SciPy's sparse ones, as for
        `musaic_core.lowrank.nmf`.
    ranks : sequence of int
        Templates of each layer, the finest first; usually decreasing. With a single
        one this is `musaic_core.lowrank.nmf`.
    loss : {"layers", "data"}, default="layers"
        "layers" minimises ``D(V | W H) + ρ_2 D(W | W_2 A_2) + ρ_3 D(W_2 | W_3 A_3)``
        and so on, with rows of H and of every A that has a layer below summing to 1:
        without that, a layer could shrink what it is compared with. "data" minimises
        ``D(V | W_L A_L … A_2 H)``.
    weights : sequence of float, optional
        ρ_2, ρ_3, … By default each layer weighs as much at the start as the data:
        ``ρ_l = D(V | W H) / D(W_{l-1} | W_l A_l)``; of several starts, at the first.
        The model has them. A layer of weight 0 follows those above without any
        influence on them; with a layer below that counts, or a penalty, its templates
        follow that alone.
    init : str, dict of arrays or DeepNMF, default="random"
        How the layers start, one NMF after the other; or factors to start from, by
        name, the others being found so while those are held. A model that this gave
        goes on from where it is, with its weights unless others are given.
    start_iter : int, default=50
        Iterations for the start of each layer.
    **options : Options
        beta, update, fixed, mask, penalties, data_weights, max_iter, tol, n_starts and
        so on: see `musaic_core.lowrank.options.Options`. The updates are "mu", which
        never raises the objective, and "mu-extrapolated". The iterations of the start
        are not counted. With the loss on the data the only templates that move are the
        deepest ones; penalties may be given for the others too, which are products.
        `Sparsity` counts a factor with what it is multiplied with, in its layer, or
        with the loss on the data, in the whole product.

    Returns
    -------
    DeepNMF
        An `NMF` of V, and the layers below it.

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.
    TypeError
        Names keyword arguments that are none of those above.

    References
    ----------
    Leplat, Hien, Onwunta and Gillis, "Deep nonnegative matrix factorization with beta
    divergences", Neural Computation 36 (11), 2024. Trigeorgis, Bousmalis, Zafeiriou
    and Schuller, "A deep semi-NMF model for learning hidden representations", ICML
    2014 (the loss on the data).

    Examples
    --------
    >>> import numpy as np
    >>> model = deep_nmf(np.random.default_rng(0).random((80, 90)), (12, 4), seed=0)
    >>> [layer.templates.shape for layer in model.layers]
    [(80, 12), (80, 4)]
    """
    if len(np.shape(V)) != 2:
        raise ValueError(f"V has {len(np.shape(V))} axes; give a matrix (F, T)")
    first, *below = check_ranks(ranks, "ranks")
    if not below and isinstance(init, Mapping):
        init = init.get("templates"), init.get("activations")
    options = complete(options)
    if not below:
        model = nmf(V, first, init=init, **options)
        deep = DeepNMF(model.templates, model.activations, model.n_iter)
        deep.fit = model.fit
        return deep

    def start(given, **how):
        pair = given.get("templates"), given.get("activations")
        model = nmf(V, first, init=given_or(pair, how.pop("init")), **how)
        W, H = model.templates, model.activations
        if not given and loss == "layers":
            W, H = with_sum_one(W, H)
        return {"templates": W, "activations": H}

    shapes = {
        "templates": (np.shape(V)[0], first),
        "activations": (first, np.shape(V)[1]),
    }
    problem = DeepNMFProblem
    if is_sparse(V):
        listed = options["data_weights"] is not None
        problem = ListedDeepNMFProblem if listed else SparseDeepNMFProblem
    return minimise_in_layers(
        problem,
        V,
        shapes,
        ("activations", "templates"),
        start,
        {"templates": below},
        loss=loss,
        weights=None if weights is None else {"templates": weights},
        init=init,
        start_iter=start_iter,
        options=options,
    )


def multilayer_nmf(
    V: Array,
    ranks: Sequence[int],
    *,
    init: str | Mapping[str, Array] = "random",
    **options: Unpack[Options],
) -> DeepNMF:
    """Factorize layer after layer: V, then the templates, then their templates.

    The simple form of a deep NMF, and its start. Each layer is a plain NMF of
    `max_iter` iterations on the templates of the one above, its activations' rows
    brought to sum 1.

    Parameters
    ----------
    V : array (F, T)
        Nonnegative; NumPy or PyTorch.
    ranks : sequence of int
        Templates of each layer, the finest first; usually decreasing.
    init : str or dict of arrays, default="random"
        As in `deep_nmf`.
    **options : Options
        beta, fixed, mask, data_weights, missing, max_iter, seed and backend: see
        `musaic_core.lowrank.options.Options`, and `deep_nmf` for the factors' names.

    Returns
    -------
    DeepNMF
        An `NMF` of V, and the layers below it.

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.
    TypeError
        Names keyword arguments that are none of those above.

    References
    ----------
    Cichocki and Zdunek, "Multilayer nonnegative matrix factorisation", Electronics
    Letters 42 (16), 2006.

    Examples
    --------
    >>> import numpy as np
    >>> V = np.random.default_rng(0).random((80, 90))
    >>> model = multilayer_nmf(V, (12, 4), seed=0)
    >>> [layer.templates.shape for layer in model.layers]
    [(80, 12), (80, 4)]
    """
    names = "beta", "fixed", "mask", "data_weights", "missing", "max_iter", "seed"
    options = complete(options, {name: DEFAULTS[name] for name in (*names, "backend")})
    max_iter = options.pop("max_iter")
    return deep_nmf(
        V,
        ranks,
        init=init,
        start_iter=max_iter,
        max_iter=max_iter if len(ranks) == 1 else 0,
        **options,
    )


class DeepNMFProblem(Layered, NMFProblem):
    """Layers below the templates; with a loss on them, activations have sum 1."""

    @classmethod
    def find_units(cls, live, moving):
        return {"activations"} & {*moving} if live else set()

    @classmethod
    def find_free(cls, live, moving):
        return "templates" if "templates" in moving else moving[0]

    def carry(self, name, sums):
        self.blocks["templates"] *= sums.mT
        self._rescale_below("templates", sums)

    def model(self, factors, n_iter):
        below = pack_layers(self, factors)["templates"]
        templates = factors.get("templates")
        if templates is None:
            templates = below[0].reconstruct()
        weights = self.layer_weights and self.layer_weights["templates"]
        activations = factors["activations"]
        return DeepNMF(templates, activations, n_iter, below, self.tied, weights)


class SparseDeepNMFProblem(DeepNMFProblem, SparseNMFProblem):
    """The same for a csc_array."""


class ListedDeepNMFProblem(DeepNMFProblem, ListedNMFProblem):
    """The same where nothing counts but the entries that the weights list."""
