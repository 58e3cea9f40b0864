"""Nonnegative matrix factorization with any β-divergence."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from musaic_core.lowrank.checks import check_count
from musaic_core.lowrank.models import NMF
from musaic_core.lowrank.penalties import Penalty
from musaic_core.lowrank.problem import Problem, factorize
from musaic_core.lowrank.starts import data_templates, nndsvd, random_factor, spread_of

__all__ = ["nmf"]

Array = Any


def nmf(
    V: Array,
    rank: int,
    *,
    beta: float = 1.0,
    init: str | tuple[Array | None, Array | None] = "random",
    update: str | Callable = "mu",
    fixed: Collection[str] = (),
    mask: Mapping[str, Array] | None = None,
    penalties: Mapping[str, Penalty | Sequence[Penalty]] | None = None,
    max_iter: int = 100,
    tol: float = 0.0,
    max_time: float | None = None,
    seed: int | None = None,
    callback: Callable[[int, NMF], bool | None] | None = None,
    backend: str | None = None,
) -> NMF:
    """Factorize nonnegative data, ``V ≈ W H``, by minimising a β-divergence.

    Parameters
    ----------
    V : array (..., F, T)
        Nonnegative; NumPy or PyTorch, on any device. float32 and float64 are kept,
        other dtypes become float64. Leading axes are a batch: each matrix is
        factorized for itself.
    rank : int
        Number of templates R.
    beta : float, default=1.0
        2 Euclidean, 1 Kullback-Leibler, 0 Itakura-Saito; any real number. Where
        ``beta <= 0``, zeros in V count as a floor far below its mean.
    init : {"random", "nndsvd", "data"} or (W, H), default="random"
        "data" draws templates from the frames of V. Of a pair of arrays, (..., F, R)
        and (..., R, T), one may be None: it is then drawn at random.
    update : {"mu", "mu-extrapolated", "hals", "hals-mu"} or callable, default="mu"
        "mu" never raises the divergence; "mu-extrapolated" needs fewer iterations;
        "hals" is for beta=2; "hals-mu" needs the fewest for beta from 0.5 to 2. See
        `musaic_core.lowrank.updates`.
    fixed : collection of {"templates", "activations"}, default=()
        Factors that keep their start.
    mask : dict of {"templates", "activations"} to bool array, optional
        Entries of a factor that are False are zero and stay zero.
    penalties : dict of {"templates", "activations"} to Penalty, optional
        Added to the divergence: a penalty, or a list of them, on a factor. See
        `musaic_core.lowrank.penalties`. The updates are then "mu" or "mu-extrapolated".
    max_iter : int, default=100
        Iterations at most.
    tol : float, default=0.0
        Stop when the divergence falls by less than `tol` times its start in ten
        iterations. With 0 it is not computed.
    max_time : float, optional
        Stop after the iteration that passes this many seconds.
    seed : int, optional
        Of the random start. The same seed gives the same numbers.
    callback : callable, optional
        Called after each iteration with its number and the `NMF` as it stands (its
        arrays still move: copy what you keep). Returning True stops.
    backend : {None, "c", "numpy", "torch"}
        None picks the fastest for V.

    Returns
    -------
    NMF
        Templates (..., F, R) and activations (..., R, T).

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.

    References
    ----------
    Lee and Seung, Nature 401, 1999. Févotte and Idier, Neural Computation 23 (9),
    2011.

    Examples
    --------
    >>> import numpy as np
    >>> model = nmf(np.random.default_rng(0).random((513, 200)), 8, seed=0)
    >>> model.templates.shape, model.activations.shape
    ((513, 8), (8, 200))
    """
    shape = np.shape(V)
    if len(shape) < 2:
        raise ValueError(f"V has {len(shape)} axes; give a matrix (F, T)")
    *batch, n_frequencies, n_frames = shape
    rank = check_count(rank, "rank")
    return factorize(
        NMFProblem,
        V,
        {
            "templates": (*batch, n_frequencies, rank),
            "activations": (*batch, rank, n_frames),
        },
        ("activations", "templates"),
        beta=beta,
        init=init,
        update=update,
        fixed=fixed,
        mask=mask,
        penalties=penalties,
        max_iter=max_iter,
        tol=tol,
        max_time=max_time,
        seed=seed,
        callback=callback,
        backend=backend,
    )


class NMFProblem(Problem):
    """``V ≈ W H``: the activations' half problem is on V, the templates' on Vᵀ."""

    @classmethod
    def start(cls, V, shapes, init, rng):
        W_shape, H_shape = shapes.values()
        spread = spread_of(V, W_shape[-1], 2)
        if init == "random":
            return {
                "templates": random_factor(rng, W_shape, spread, V.dtype),
                "activations": random_factor(rng, H_shape, spread, V.dtype),
            }
        W, H = np.empty(W_shape), np.empty(H_shape)
        for index in np.ndindex(V.shape[:-2]):
            if init == "nndsvd":
                W[index], H[index] = nndsvd(V[index], W_shape[-1], rng)
            else:
                W[index] = spread * data_templates(V[index], W_shape[-1], rng)
                H[index] = random_factor(rng, H_shape[-2:], spread)
        return {"templates": W, "activations": H}

    @classmethod
    def model(cls, factors, n_iter):
        return NMF(factors["templates"], factors["activations"], n_iter)

    def as_moving(self, name, block):
        return block if name == "activations" else block.mT

    def half(self, name):
        W, H = self.blocks["templates"], self.blocks["activations"]
        return (self.V, W, H) if name == "activations" else (self.V.mT, H.mT, W.mT)
