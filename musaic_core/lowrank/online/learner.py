"""Factorizations that learn from a stream of recordings, in constant memory.

What recordings share, such as templates, is learned; what is a recording's own, such
as activations, is found for a mini-batch and dropped again. The divergence of a
mini-batch, its own factor held, lies below a function of each shared factor W whose
derivative, entry by entry, is

    D W^p - A W^(-q),    p = max(β - 1, 0),    q = max(2 - β, 0),

with ``D = Q W̃^(-p)`` and ``A = P W̃^q`` of the gradient's two parts Q - P at the present
W̃: the majorization behind the multiplicative updates (Févotte and Idier 2011). Sums of
such functions have that form again. So all that is kept of the past is the sums A and
D for each factor, and ``W = (A / D) ** (1 / (p + q))`` is the minimiser. Older
mini-batches, for which the templates were worse, are forgotten step by step.

Layers below a factor, W = W_2 A_2, are learned in the same way, with the loss on the
data: each matrix of the product is a shared factor.

References
----------
Mairal, Bach, Ponce and Sapiro, "Online dictionary learning for sparse coding", ICML
2009 (β = 2). Lefèvre, Bach and Févotte, "Online algorithms for nonnegative matrix
factorization with the Itakura-Saito divergence", WASPAA 2011 (β = 0). Zhao, Tan and Xu,
"Online nonnegative matrix factorization with general divergences", AISTATS 2017.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Any, TypedDict, Unpack

import numpy as np

from musaic_core.lowrank.arrays import copy_like, dtype_name, to_numpy
from musaic_core.lowrank.checks import (
    check_beta,
    check_choice,
    check_count,
    check_factor,
    near_one,
)
from musaic_core.lowrank.deep.start import layer_names
from musaic_core.lowrank.divergence import BetaDivergence
from musaic_core.lowrank.kernels import kernels_for
from musaic_core.lowrank.missing import observed
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.online.pool import mini_batches, once_only
from musaic_core.lowrank.options import complete
from musaic_core.lowrank.starts import INITIALISATIONS
from musaic_core.lowrank.updates import make_update

__all__ = ["DEFAULTS", "OnlineFactorization", "OnlineOptions"]

Array = Any
Stream = Iterable[Array] | Callable[[], Iterable[Array]]


class OnlineOptions(TypedDict, total=False):
    """What every online model takes by keyword, besides its rank.

    Columns are those of the last axis: the frames of a matrix, the bars of a tensor.

    Attributes
    ----------
    layers : sequence of int, or dict of int to sequence of int
        Ranks of layers below the templates of a matrix, ``W = W_2 A_2`` and so on, or
        below the shared factor of a tensor's mode, such as ``{0: (8,)}``: a deep model
        with the loss on the data. By default there are none.
    beta : float, default=1.0
        Of the β-divergence; any real number.
    init : str or list of arrays, default="data"
        Where the shared factors start; a list has those of all modes but the last, and
        then an NTD's core.
    batch_size : int, default=64, or 8 for tensors
        Columns of a mini-batch in `fit`.
    pool_size : int, default=4096, or 256 for tensors
        Columns that mini-batches are drawn from in `fit`; twice as many, and an array
        of the stream, are what is in memory at most.
    n_inner : int, default=20, or 60 for an NTD, which moves slowly
        Iterations for a mini-batch's own factor.
    forgetting : float, default=80, or 20 for an NCP
        After n columns the next m weaken those before by ``(1 - m / n) ** forgetting``:
        what counts is about the latest eightieth of what was heard. With 0 all counts
        the same (Mairal et al. 2009, section 3.4).
    seed : int, optional
        Of the start and of what is drawn from the pool.
    backend : {None, "c", "numpy", "torch"}
        None picks the fastest for the data.
    missing : {None, "nan"}
        With ``"nan"``, entries that are NaN are unknown and left out.
    """

    layers: Sequence[int] | Mapping[int, Sequence[int]]
    beta: float
    init: str | Sequence[Array]
    batch_size: int
    pool_size: int
    n_inner: int
    forgetting: float
    seed: int | None
    backend: str | None
    missing: str | None


DEFAULTS = OnlineOptions(
    layers=(),
    beta=1.0,
    init="data",
    batch_size=64,
    pool_size=4096,
    n_inner=20,
    forgetting=80,
    seed=None,
    backend=None,
    missing=None,
)


class OnlineFactorization:
    """What the online models share; they differ in problem and factors.

    A subclass has a `problem`, and says how its factors are named and shaped for an
    array of some shape, and which of them, `_own`, is the recording's.
    """

    problem: type
    deep_problem: type
    defaults: Mapping[str, Any] = DEFAULTS
    first: Any = 0  # name of the frequency mode's factor

    def __init__(self, **options: Unpack[OnlineOptions]) -> None:
        given = complete(options, self.defaults)
        layers, init = given["layers"] or {}, given["init"]
        if not isinstance(layers, Mapping):
            layers = {self.first: layers}
        self.layers = {
            top: [check_count(rank, "layers") for rank in ranks]
            for top, ranks in layers.items()
            if len(ranks) > 0
        }
        # below a factor, the names of each layer's templates and activations
        self._chains = {
            top: layer_names(top, len(ranks)) for top, ranks in self.layers.items()
        }
        if not isinstance(init, str) and not isinstance(init, (tuple, list)):
            raise ValueError(
                f"init is {type(init).__name__}; give one of "
                f"{', '.join(INITIALISATIONS)}, or the shared factors in a list"
            )
        if isinstance(init, str):
            check_choice(init, "init", INITIALISATIONS)
        if not given["forgetting"] >= 0:
            raise ValueError(
                f"forgetting is {given['forgetting']!r}; give a number, 0 or more"
            )
        self.init = init
        self.beta = check_beta(given["beta"])
        self.batch_size = check_count(given["batch_size"], "batch_size")
        self.pool_size = check_count(given["pool_size"], "pool_size")
        self.n_inner = check_count(given["n_inner"], "n_inner")
        self.forgetting = given["forgetting"]
        self.backend = given["backend"]
        self.seed = given["seed"]
        self.missing = given["missing"]
        if self.missing is not None:
            check_choice(self.missing, "missing", ["nan"])
        self._reset()

    def _reset(self):
        self.n_seen = 0  # columns
        self.shared: dict[Any, Array] = {}
        self._statistics: dict[Any, tuple[Array, Array]] = {}
        self._rng = np.random.default_rng(self.seed)

    def _shapes(self, shape: tuple[int, ...]) -> dict[Any, tuple[int, ...]]:
        raise NotImplementedError

    def _own(self, shape: tuple[int, ...]) -> Any:
        return len(shape) - 1

    def _deep_shapes(self, shape):
        """The shapes of all factors; one with layers is their product, and none."""
        shapes = self._shapes(shape)
        for top, ranks in self.layers.items():
            if top not in shapes or top == self._own(shape) or top == "core":
                raise ValueError(
                    f"layers names {top!r}; give layers below a mode's shared factor"
                )
            rows, columns = shapes.pop(top)
            for (_, A), rank in zip(self._chains[top], ranks, strict=True):
                shapes[A], columns = (rank, columns), rank
            shapes[self._chains[top][-1][0]] = rows, columns
        return shapes

    def fit(self, stream: Stream, n_epochs: int = 1) -> OnlineFactorization:
        """Learn the shared factors of all arrays of a stream, from the start.

        Columns are drawn from a pool, so that a mini-batch has frames or bars of
        several recordings: without it, learning takes several times the epochs.

        Parameters
        ----------
        stream : iterable of arrays, or callable that gives one
            Nonnegative, alike in all axes but the last. Read once an epoch, one array
            at a time; a generator can be read but once, so give what makes it.
        n_epochs : int, default=1
            Times that the stream is read.

        Returns
        -------
        OnlineFactorization
            The model itself.

        Raises
        ------
        ValueError
            There is nothing but silence, or a generator is to be read more than once.
        """
        if once_only(stream) and n_epochs > 1:
            raise ValueError(
                "stream can be read only once, and n_epochs is "
                f"{n_epochs}: give a list, or a function that gives the stream anew"
            )
        self._reset()
        for _ in range(check_count(n_epochs, "n_epochs")):
            arrays = stream() if callable(stream) else stream
            for batch in mini_batches(
                arrays, self.batch_size, self.pool_size, self._rng, self._start_with
            ):
                self.partial_fit(batch)
        if self.n_seen == 0:
            raise ValueError(
                "stream has nothing but silence; give what is to be learned"
            )
        return self

    def _start_with(self, pool):
        """Start from a pool, while there is much to draw templates from."""
        if not self.shared:
            V, _, mean = observed(pool, missing=self.missing)
            if mean > 0:
                self._start(V)

    def partial_fit(
        self, V: Array, data_weights: Array | None = None
    ) -> OnlineFactorization:
        """Improve the shared factors with one mini-batch.

        Parameters
        ----------
        V : array (F, ..., n)
            Nonnegative; n columns (frames or bars). What it costs does not depend on
            what came before. Silence is passed over.
        data_weights : array, optional
            What the divergence of each entry of V is multiplied with, 0 where it is
            missing; see `musaic_core.lowrank.options.Options`.

        Returns
        -------
        OnlineFactorization
            The model itself.
        """
        V, weights, mean = observed(V, data_weights, self.missing)
        if mean == 0:
            return self
        problem = self._inferred(V, self.n_inner, weights)
        self.n_seen += V.shape[-1]
        keep = (1 - V.shape[-1] / self.n_seen) ** self.forgetting
        divergence = problem.divergence
        p, q = max(self.beta - 1, 0), max(2 - self.beta, 0)
        for name in self.shared:
            numerator, denominator, W = problem.terms(name)
            at = W.clip(1e-9 * float(W.mean()))  # so that no power of it overflows
            A, D = at**q * numerator, at**-p * denominator
            if name in self._statistics:
                old_A, old_D = self._statistics[name]
                A, D = keep * old_A + A, keep * old_D + D
            self._statistics[name] = A, D
            W[...] = (A / (D + (D == 0))) ** divergence.exponent
            problem.moved(name)
        return self

    def transform(
        self, V: Array, max_iter: int = 100, data_weights: Array | None = None
    ) -> Any:
        """Find a recording's own factor, the shared ones held.

        Parameters
        ----------
        V : array (F, ..., n)
            Nonnegative.
        max_iter : int, default=100
            Iterations for that factor.
        data_weights : array, optional
            As in `partial_fit`.

        Returns
        -------
        NMF, NCP or NTD
            Of V; its shared factors are copies.

        Raises
        ------
        ValueError
            Nothing was learned yet.
        """
        V, weights, _ = observed(V, data_weights, self.missing)
        if self.n_seen == 0:
            raise ValueError("nothing was learned yet; call fit or partial_fit first")
        problem = self._inferred(V, check_count(max_iter, "max_iter", 0), weights)
        factors = {name: copy_like(U, V) for name, U in problem.blocks.items()}
        return problem.model(factors, max_iter)

    @property
    def factors(self) -> dict[Any, Array]:
        """The shared factors of the data's model, by name; layers are multiplied."""
        inner = {
            name for chain in self._chains.values() for pair in chain for name in pair
        }
        factors = {name: U for name, U in self.shared.items() if name not in inner}
        for top, chain in self._chains.items():
            W = self.shared[chain[-1][0]]
            factors[top] = reduce(lambda W, A: W @ self.shared[A[1]], chain[::-1], W)
        return factors

    @property
    def templates(self) -> Array:
        """The first factor, (F, R), with columns of sum 1: a dictionary to hold."""
        W = self.factors[self.first]
        sums = W.sum(0)
        return W / (sums + (sums == 0))

    def _start(self, V):
        _, data = kernels_for(V, self.backend)
        shapes = self._deep_shapes(V.shape)
        names = [name for name in shapes if name != self._own(V.shape)]
        method = self.init if isinstance(self.init, str) else "random"
        plain = self._shapes(V.shape)
        start = self.problem.start(to_numpy(data), plain, method, self._rng)
        for top, ranks in self.layers.items():
            above = start[top]
            for (W, A), rank in zip(self._chains[top], ranks, strict=True):
                layer = nmf(above, rank, max_iter=50, seed=self.seed)
                start[A], start[W] = layer.activations, layer.templates
                above = layer.templates
        self.shared = {}
        given = [None] * len(names) if isinstance(self.init, str) else self.init
        if len(given) != len(names):
            raise ValueError(f"init has {len(given)} factors; give {len(names)}")
        for name, factor in zip(names, given, strict=True):
            if factor is not None:
                factor = check_factor(factor, shapes[name], f"init's {name}", data)
                factor, _ = near_one(factor)  # its scale is free
            else:  # no two templates alike, else they would stay so
                jitter = self._rng.uniform(0.9, 1.1, shapes[name])
                factor = copy_like(start[name] * jitter, data)
            self.shared[name] = factor
        self._divergence = BetaDivergence.for_data(
            self.beta, float(V.mean()), dtype_name(V)
        )

    def _inferred(self, V, n_iter, weights=None):
        """The problem of V, its own factor found from a flat start."""
        if not self.shared:
            self._start(V)
        kernels, data = kernels_for(V, self.backend)
        if weights is not None:
            _, weights = kernels_for(weights, self.backend)
        shapes, own = self._deep_shapes(V.shape), self._own(V.shape)
        for name, factor in self.shared.items():
            if tuple(factor.shape) != tuple(shapes[name]):
                raise ValueError(
                    f"V has shape {tuple(V.shape)}, which does not fit what was "
                    f"learned before; all axes but the last are to stay the same"
                )
        flat = copy_like(np.ones(shapes[own], np.float32), data)
        blocks = {name: self.shared.get(name, flat) for name in shapes}
        arguments = data, blocks, {}, self._divergence, kernels, None, weights
        if self.layers:
            problem = self.deep_problem(
                *arguments,
                chains=self._chains,
                tied=True,
                weights=None,
                moving=list(blocks),
            )
        else:
            problem = self.problem(*arguments)
        _, held, _ = problem.half(own)
        flat *= float(V.mean()) / (float(held.sum(-1).mean()) or 1.0)
        rule = make_update("mu-extrapolated")
        for _ in range(n_iter):
            rule(problem, own)
            problem.moved(own)
        return problem
