"""The options that all factorizations share, their defaults and their checks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypedDict

from musaic_core.lowrank.penalties import Penalty

__all__ = ["DEFAULTS", "Options", "complete"]

Array = Any
Name = Any


class Options(TypedDict, total=False):
    """What every factorization takes by keyword, besides its data, rank and start.

    A factor's name is a string, such as "templates", or the number of a tensor's mode;
    each factorization says what its own are called.

    Attributes
    ----------
    beta : float, default=1.0
        Of the β-divergence that is minimised: 2 Euclidean, 1 Kullback-Leibler, 0
        Itakura-Saito; any real number. Where ``beta <= 0``, zeros in V count as a floor
        far below its mean.
    update : {"mu", "mu-extrapolated", "hals", "hals-mu"} or callable, default="mu"
        "mu" never raises the objective; "mu-extrapolated" needs fewer iterations;
        "hals" is for ``beta=2``; "hals-mu" needs the fewest for beta from 0.5 to 2. The
        last two know no penalties, layers or structured models. See
        `musaic_core.lowrank.updates`.
    fixed : collection of names, default=()
        Factors that keep their start.
    mask : dict of name to bool array, optional
        Entries of a factor that are False are zero and stay zero.
    penalties : dict of name to Penalty, or to list of them, optional
        Added to the divergence, on a factor. See `musaic_core.lowrank.penalties`.
    data_weights : array, optional
        Of V's shape, or one that broadcasts to it: numbers, 0 or more, that the
        divergence of each entry of V is multiplied with. 0 says that the entry is
        missing, and V may hold anything there. In a NumPy masked array, what is masked
        is missing without them. "hals" and "hals-mu" complete the data by the model
        before each step, and take more iterations the more is missing. With a sparse
        V, a sparse matrix: what it does not list is missing.
    missing : {None, "nan"}
        "nan" says that entries of V that are NaN are missing; else they are an error.
    max_iter : int, default=100
        Iterations at most.
    tol : float, default=0.0
        Stop when the objective changes by less than `tol` times its start, or all that
        it has fallen since if that is more, in ten iterations. With 0 it is not
        computed.
    tol_kkt : float, default=0.0
        Stop when the model's `kkt_residual` is no larger; it is computed every ten
        iterations, at the cost of one. With 0 it is not.
    max_time : float, optional
        Stop after the iteration that passes this many seconds.
    history : bool, default=False
        Compute the objective at each iteration; the model's `history` has it.
    epsilon : float, default=0.0
        Entries of factors that move are no smaller, unless masked. With an ε above 0
        convergence to a stationary point is proved; see
        `musaic_core.lowrank.updates.ExtrapolatedMU`. For the multiplicative updates,
        and not for factors that are held at sum 1.
    n_starts : int, default=1
        Fit from so many starts, and give back the model of the lowest objective. Limits
        are those of each.
    seed : int, optional
        Of the random start, the first of several. The same seed gives the same numbers.
    callback : callable, optional
        Called after each iteration with its number and the model as it stands (its
        arrays still move: copy what you keep). Returning True stops.
    backend : {None, "c", "numpy", "torch"}
        None picks the fastest for V.
    """

    beta: float
    update: str | Callable
    fixed: Collection[Name]
    mask: Mapping[Name, Array] | None
    penalties: Mapping[Name, Penalty | Sequence[Penalty]] | None
    data_weights: Array | None
    missing: str | None
    max_iter: int
    tol: float
    max_time: float | None
    tol_kkt: float
    history: bool
    epsilon: float
    n_starts: int
    seed: int | None
    callback: Callable[[int, Any], bool | None] | None
    backend: str | None


DEFAULTS = Options(
    beta=1.0,
    update="mu",
    fixed=(),
    mask=None,
    penalties=None,
    data_weights=None,
    missing=None,
    max_iter=100,
    tol=0.0,
    max_time=None,
    tol_kkt=0.0,
    history=False,
    epsilon=0.0,
    n_starts=1,
    seed=None,
    callback=None,
    backend=None,
)


def complete(given: Mapping[str, Any], defaults: Mapping[str, Any] = DEFAULTS) -> dict:
    """The options given, and the defaults of the others.

    Raises
    ------
    TypeError
        Names what is given and is no option.
    """
    unknown = [name for name in given if name not in defaults]
    if unknown:
        raise TypeError(
            f"unexpected keyword arguments: {', '.join(unknown)}; the options are "
            f"{', '.join(defaults)}"
        )
    return {**defaults, **given}
