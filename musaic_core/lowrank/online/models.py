"""The online NMF, NCP and NTD."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from musaic_core.lowrank.checks import check_count
from musaic_core.lowrank.deep.nmf import DeepNMFProblem
from musaic_core.lowrank.deep.tensor import DeepNCPProblem, DeepNTDProblem
from musaic_core.lowrank.ncp import NCPProblem
from musaic_core.lowrank.nmf import NMFProblem
from musaic_core.lowrank.ntd import NTDProblem
from musaic_core.lowrank.online.learner import (
    DEFAULTS,
    OnlineFactorization,
    OnlineOptions,
)

__all__ = ["OnlineNCP", "OnlineNMF", "OnlineNTD"]

TENSOR_DEFAULTS = {**DEFAULTS, "layers": {}, "batch_size": 8, "pool_size": 256}


class OnlineNMF(OnlineFactorization):
    """``V ≈ W H`` with one W for all recordings of a stream.

    Parameters
    ----------
    rank : int
        Number of templates.
    **options : OnlineOptions
        layers, beta, init, batch_size, pool_size, n_inner, forgetting, seed and
        backend: see `OnlineOptions`.

    Attributes
    ----------
    templates : array (F, R)
        Columns of sum 1.
    shared : dict of array
        What was learned, as it stands: ``{"templates": W}``, or the matrices that it
        is the product of.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> recordings = [rng.random((513, 200)) for _ in range(5)]
    >>> model = OnlineNMF(rank=8, seed=0).fit(recordings, n_epochs=3)
    >>> model.templates.shape, model.transform(recordings[0]).activations.shape
    ((513, 8), (8, 200))
    """

    problem = NMFProblem
    deep_problem = DeepNMFProblem
    first = "templates"

    def __init__(self, rank: int, **options: Unpack[OnlineOptions]) -> None:
        self.rank = check_count(rank, "rank")
        super().__init__(**options)

    def _shapes(self, shape):
        _check_axes(shape, 2)
        n_frequencies, n_frames = shape
        return {
            "templates": (n_frequencies, self.rank),
            "activations": (self.rank, n_frames),
        }

    def _own(self, shape):
        return "activations"


class OnlineNCP(OnlineFactorization):
    """``V ≈ Σ_r a_r ∘ b_r ∘ c_r`` with one a and b for all recordings of a stream.

    The last mode's factor, such as that of bars, is each recording's own.

    Parameters
    ----------
    rank : int
        Number of rank-one terms.
    **options : OnlineOptions
        As in `OnlineNMF`; see `OnlineOptions`.

    Attributes
    ----------
    templates : array (F, R)
        The first mode's, columns of sum 1.
    shared : dict of int to array
        The factors (I_n, R) by mode.
    """

    problem = NCPProblem
    deep_problem = DeepNCPProblem
    defaults = {**TENSOR_DEFAULTS, "forgetting": 20}

    def __init__(self, rank: int, **options: Unpack[OnlineOptions]) -> None:
        self.rank = check_count(rank, "rank")
        super().__init__(**options)

    def _shapes(self, shape):
        _check_axes(shape, None)
        return {mode: (size, self.rank) for mode, size in enumerate(shape)}


class OnlineNTD(OnlineFactorization):
    """``V ≈ core ×₁ W ×₂ H ×₃ Q`` with one core, W and H for all recordings.

    The last mode's factor, such as that of bars, is each recording's own.

    Parameters
    ----------
    ranks : sequence of int
        The core's shape.
    **options : OnlineOptions
        As in `OnlineNMF`; see `OnlineOptions`.

    Attributes
    ----------
    templates : array (F, R_1)
        The first mode's, columns of sum 1.
    shared : dict of int or "core" to array
        The factors (I_n, R_n) by mode, and the core.
    """

    problem = NTDProblem
    deep_problem = DeepNTDProblem
    defaults = {**TENSOR_DEFAULTS, "n_inner": 60}

    def __init__(self, ranks: Sequence[int], **options: Unpack[OnlineOptions]) -> None:
        self.ranks = tuple(check_count(rank, "ranks") for rank in ranks)
        super().__init__(**options)

    def _shapes(self, shape):
        _check_axes(shape, len(self.ranks))
        factors = dict(enumerate(zip(shape, self.ranks, strict=True)))
        return factors | {"core": self.ranks}


def _check_axes(shape, n_axes):
    if len(shape) < 2 or n_axes not in (None, len(shape)):
        raise ValueError(f"V has {len(shape)} axes; give {n_axes or 'two or more'}")
