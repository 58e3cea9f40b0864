"""Deep nonnegative CP and Tucker decompositions, with any β-divergence.

A factor of one or several modes, or the core, is explained by layers below it, as the
templates of a deep NMF are. The derivation, the cost and what depth can and cannot
add are in docs/deep_tensor_factorizations.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import numpy as np
from tensorly.cp_tensor import CPTensor
from tensorly.tucker_tensor import TuckerTensor

from musaic_core.lowrank.arrays import scaled_along
from musaic_core.lowrank.checks import check_count, check_names
from musaic_core.lowrank.deep.models import DeepNCP, DeepNTD, pack_layers
from musaic_core.lowrank.deep.stack import Layered
from musaic_core.lowrank.deep.start import (
    check_ranks,
    minimise_in_layers,
    with_sum_one,
)
from musaic_core.lowrank.ncp import NCPProblem, ncp
from musaic_core.lowrank.ntd import NTDProblem, ntd
from musaic_core.lowrank.options import Options, complete

__all__ = ["deep_ncp", "deep_ntd"]

Array = Any


def deep_ncp(
    V: Array,
    rank: int,
    layers: Mapping[int, Sequence[int]],
    *,
    loss: str = "layers",
    weights: Mapping[int, Sequence[float]] | None = None,
    init: str | Mapping[Any, Array] | DeepNCP = "random",
    start_iter: int = 50,
    **options: Unpack[Options],
) -> DeepNCP:
    """NCP with layers below some modes: ``V ≈ Σ_r a_r ∘ b_r ∘ c_r``, ``A ≈ A_2 M_2``.

    The factors are named by mode, 0, 1, …, and those of the layers below mode n
    "n templates 2", "n activations 2", "n templates 3" and so on.

    Parameters
    ----------
    V : array (I_0, ..., I_N-1)
        Nonnegative, of two axes or more, frequency first; NumPy or PyTorch.
    rank : int
        Number of rank-one terms R.
    layers : dict of int to sequence of int
        Ranks of the layers below a mode's factor, the upper one first:
        ``{0: (16, 8)}`` explains R spectra by 16, and those by 8. With ``{}`` this is
        `musaic_core.lowrank.ncp`.
    loss : {"layers", "data"}, default="layers"
        "layers" minimises the divergence of V from its NCP, plus ρ times that of each
        factor from the layer below it; the modes, but the first that has layers, have
        columns of sum 1, and so have the rows of activations with a layer below.
        "data" minimises the divergence of V from the NCP whose factors are the
        products of their layers.
    weights : dict of int to sequence of float, optional
        ρ of the layers below each mode; by default each layer weighs as much at the
        start as the data.
    init : str, dict of arrays or DeepNCP, default="random"
        How the layers start, an `ncp` and then NMFs; or factors by name. A model that
        this gave goes on from where it is, with its weights unless others are given.
    start_iter : int, default=50
        Iterations for the start of the NCP and of each layer.
    **options : Options
        beta, update, fixed, mask, penalties, data_weights, max_iter, tol, n_starts and
        so on: see `musaic_core.lowrank.options.Options`, and `deep_nmf` for what layers
        allow, by the names above.

    Returns
    -------
    DeepNCP
        An `NCP` of V, and the layers below its factors.

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.
    TypeError
        Names keyword arguments that are none of those above.

    Examples
    --------
    >>> import numpy as np
    >>> V = np.random.default_rng(0).random((40, 24, 10))
    >>> model = deep_ncp(V, 8, {0: (3,)}, seed=0)
    >>> [layer.templates.shape for layer in model.layers]
    [(40, 8), (40, 3)]
    """
    shape = _shape(V)
    rank = check_count(rank, "rank")
    modes = range(len(shape))
    layers = _check_layers(layers, modes)
    options = complete(options)
    if not layers:
        model = ncp(V, rank, init=_as_list(init, modes), **options)
        deep = DeepNCP(model.cp, model.n_iter)
        deep.fit = model.fit
        return deep

    def start(given, **how):
        how["init"] = [given.get(n) for n in modes] if given else how["init"]
        factors = list(ncp(V, rank, **how).factors)
        carrier = next(iter(layers))
        if not given and loss == "layers":
            for n in modes:
                if n != carrier:
                    scaled, unit = with_sum_one(factors[carrier], factors[n].mT)
                    factors[carrier], factors[n] = scaled, unit.mT
        return dict(enumerate(factors))

    return minimise_in_layers(
        DeepNCPProblem,
        V,
        {mode: (shape[mode], rank) for mode in modes},
        modes,
        start,
        layers,
        loss=loss,
        weights=weights,
        init=init,
        start_iter=start_iter,
        options=options,
    )


def deep_ntd(
    V: Array,
    ranks: Sequence[int],
    layers: Mapping[int | str, Sequence[int]],
    *,
    loss: str = "layers",
    weights: Mapping[int | str, Sequence[float]] | None = None,
    init: str | Mapping[Any, Array] | DeepNTD = "random",
    start_iter: int = 50,
    **options: Unpack[Options],
) -> DeepNTD:
    """NTD with layers below modes or the core: ``V ≈ G ×_n U_n``, ``U_0 ≈ W_2 A_2``.

    The factors are named by mode and "core", and those of the layers below mode n
    "n templates 2", "n activations 2", "n templates 3" and so on, below the core
    "core templates 2" and so on.

    Parameters
    ----------
    V : array (I_0, ..., I_N-1)
        Nonnegative, of two axes or more; for music, frequency × time in bar × bar.
    ranks : sequence of int
        The core's shape, one rank R_n a mode.
    layers : dict of int or "core" to sequence of int
        Ranks of the layers below a mode's factor, the upper one first; "core" is for
        its unfolding (R_0 … R_N-2, R_N-1), whose columns are the patterns that the
        last mode combines. With ``{}`` this is `musaic_core.lowrank.ntd`.
    loss : {"layers", "data"}, default="layers"
        As in `deep_ncp`; with "layers" all modes have columns of sum 1, and the core
        carries the scale. With "data" and no fixed factors, layers are another way of
        writing an NTD of lower ranks.
    weights : dict of int or "core" to sequence of float, optional
        ρ of the layers below each factor; by default each layer weighs as much at the
        start as the data.
    init : str, dict of arrays or DeepNTD, default="random"
        How the layers start, an `ntd` and then NMFs; or factors by name. A model that
        this gave goes on from where it is, with its weights unless others are given.
    start_iter : int, default=50
        Iterations for the start of the NTD and of each layer.
    **options : Options
        beta, update, fixed, mask, penalties, data_weights, max_iter, tol, n_starts and
        so on: see `musaic_core.lowrank.options.Options`, and `deep_nmf` for what layers
        allow, by the names above.

    Returns
    -------
    DeepNTD
        An `NTD` of V, and the layers below its factors.

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.
    TypeError
        Names keyword arguments that are none of those above.

    Examples
    --------
    >>> import numpy as np
    >>> V = np.random.default_rng(0).random((40, 24, 10))
    >>> model = deep_ntd(V, (8, 6, 4), {0: (3,), "core": (2,)}, seed=0)
    >>> [layer.templates.shape for layer in model.layers]
    [(40, 8), (40, 3)]
    """
    shape = _shape(V)
    if not isinstance(ranks, (tuple, list, np.ndarray)) or len(ranks) != len(shape):
        raise ValueError(f"ranks is {ranks!r}; give {len(shape)} numbers, one a mode")
    ranks = tuple(check_count(rank, "ranks") for rank in ranks)
    shapes = {n: (size, ranks[n]) for n, size in enumerate(shape)} | {"core": ranks}
    layers = _check_layers(layers, shapes)
    options = complete(options)
    if not layers:
        model = ntd(V, ranks, init=_as_list(init, shapes), **options)
        deep = DeepNTD(model.tucker, model.n_iter)
        deep.fit = model.fit
        return deep
    if loss == "layers" and "core" in options["fixed"]:
        raise ValueError(
            "fixed holds the core, which carries the scale that layers are compared "
            "at; let it move, or give loss='data'"
        )

    def start(given, **how):
        how["init"] = [given.get(n) for n in shapes] if given else how["init"]
        model = ntd(V, ranks, **how)
        factors, core = list(model.factors), model.core
        if not given and loss == "layers":
            for n, U in enumerate(factors):
                sums = U.sum(0) + (U.sum(0) == 0)
                factors[n], core = U / sums, scaled_along(core, n, sums)
        return dict(enumerate(factors)) | {"core": core}

    return minimise_in_layers(
        DeepNTDProblem,
        V,
        shapes,
        tuple(shapes),
        start,
        layers,
        loss=loss,
        weights=weights,
        init=init,
        start_iter=start_iter,
        options=options,
    )


class DeepNCPProblem(Layered, NCPProblem):
    """Layers below the factors of modes; the first such factor carries the scale."""

    @classmethod
    def find_units(cls, live, moving):
        return _modes(moving) - {live[0]} if live else set()

    @classmethod
    def find_free(cls, live, moving):
        return (live or moving)[0]

    def carry(self, name, sums):
        carrier = self._live[0]
        self.blocks[carrier] *= sums.mT
        self._rescale_below(carrier, sums)

    def model(self, factors, n_iter):
        below = pack_layers(self, factors)
        modes = _tops(range(self.V.ndim), factors, below)
        cp = CPTensor((0 * modes[0][0] + 1, modes))
        return DeepNCP(cp, n_iter, below, self.tied, self.layer_weights)


class DeepNTDProblem(Layered, NTDProblem):
    """Layers below the factors of modes or below the core, which carries the scale."""

    @classmethod
    def find_units(cls, live, moving):
        return _modes(moving) if live else set()

    @classmethod
    def find_free(cls, live, moving):
        return "core" if "core" in moving else moving[0]

    def carry(self, name, sums):
        core = self.blocks["core"]
        core[...] = scaled_along(core, name, sums[:, 0])
        if "core" not in self.chains:
            return
        if name == core.ndim - 1:
            self._rescale_below("core", sums)
            return
        rows = scaled_along(0 * core[..., 0] + 1, name, sums[:, 0]).reshape(-1, 1)
        for W, _ in self.chains["core"]:
            if W in self._moving:
                self.blocks[W] *= rows

    def model(self, factors, n_iter):
        below = pack_layers(self, factors)
        modes = _tops(range(self.V.ndim), factors, below)
        (core,) = _tops(["core"], factors, below)
        core = core.reshape([U.shape[1] for U in modes])
        tucker = TuckerTensor((core, modes))
        return DeepNTD(tucker, n_iter, below, self.tied, self.layer_weights)


def _tops(names, factors, below):
    """The factors of the data's model; tied ones are the product of their layers."""
    return [
        factors[name] if name in factors else below[name][0].reconstruct()
        for name in names
    ]


def _modes(names):
    return {name for name in names if isinstance(name, int)}


def _shape(V):
    shape = np.shape(V)
    if len(shape) < 2:
        raise ValueError(f"V has {len(shape)} axes; give a tensor of two or more")
    return shape


def _as_list(init, names):
    """Factors by name as the models without layers take them."""
    if not isinstance(init, Mapping):
        return init
    check_names(init, "init", names)
    return [init.get(name) for name in names]


def _check_layers(layers, blocks):
    if not isinstance(layers, Mapping):
        raise ValueError(
            f"layers is {layers!r}; give a dict, of ranks to each factor that is to be "
            "explained, such as {0: (8,)}"
        )
    check_names(layers, "layers", blocks)
    return {top: check_ranks(ranks, "layers") for top, ranks in layers.items()}
