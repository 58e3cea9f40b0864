"""Nonnegative matrix factorization with any β-divergence."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from musaic_core.lowrank.arrays import is_sparse
from musaic_core.lowrank.checks import check_count
from musaic_core.lowrank.models import NMF, Model
from musaic_core.lowrank.options import Options
from musaic_core.lowrank.problem import Problem
from musaic_core.lowrank.run import minimise
from musaic_core.lowrank.starts import (
    SEPARABLE,
    data_templates,
    pair_of,
    random_factor,
    spread_of,
)

__all__ = ["nmf"]

Array = Any


def nmf(
    V: Array,
    rank: int,
    *,
    init: str | tuple[Array | None, Array | None] | Model = "random",
    **options: Unpack[Options],
) -> NMF:
    """Factorize nonnegative data, ``V ≈ W H``, by minimising a β-divergence.

    Parameters
    ----------
    V : array (..., F, T), or sparse matrix (F, T)
        Nonnegative; NumPy or PyTorch, on any device. float32 and float64 are kept,
        other dtypes become float64. Leading axes are a batch: each matrix is
        factorized for itself. SciPy's sparse matrices are taken for β = 1 and 2, at a
        cost of their nonzeros; with `data_weights`, which list what counts, for any β.
    rank : int
        Number of templates R.
    init : str, (W, H) or NMF, default="random"
        A method: "random", "nndsvd", "nndsvda" or "nndsvdar" (an SVD), "spa" or "snpa"
        (columns that span the others) or "data" (columns drawn); see
        `musaic_core.lowrank.starts`. Of a pair of arrays, (..., F, R) and (..., R, T),
        one may be None: it is then drawn at random. A model that this gave goes on from
        where it is.
    **options : Options
        beta, update, fixed, mask, penalties, data_weights, max_iter, tol, n_starts and
        so on: see `musaic_core.lowrank.options.Options`. The factors are named
        "templates" and "activations".

    Returns
    -------
    NMF
        Templates (..., F, R) and activations (..., R, T).

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.
    TypeError
        Names keyword arguments that are none of those above.

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
    shapes = {
        "templates": (*batch, n_frequencies, rank),
        "activations": (*batch, rank, n_frames),
    }
    order = "activations", "templates"
    problem = NMFProblem
    if is_sparse(V):
        listed = options.get("data_weights") is not None
        problem = ListedNMFProblem if listed else SparseNMFProblem
    return minimise(problem, V, shapes, order, init, **options)


class NMFProblem(Problem):
    """``V ≈ W H``: the activations' half problem is on V, the templates' on Vᵀ."""

    data_block = "activations"

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
            if init == "data":
                W[index] = spread * data_templates(V[index], W_shape[-1], rng)
                H[index] = random_factor(rng, H_shape[-2:], spread)
            else:
                W[index], H[index] = pair_of(V[index], W_shape[-1], init, rng)
        return {"templates": W, "activations": H}

    @classmethod
    def model(cls, factors, n_iter):
        return NMF(factors["templates"], factors["activations"], n_iter)

    def as_moving(self, name, block):
        return block if name == "activations" else block.mT

    as_data = as_moving  # both are transposed where the templates move

    def half(self, name):
        W, H = self.blocks["templates"], self.blocks["activations"]
        X = self.as_data(name, self.V)
        return (X, W, H) if name == "activations" else (X, H.mT, W.mT)


class SparseNMFProblem(NMFProblem):
    """The same for a csc_array, which is kept by columns and by rows.

    Methods that project the columns would fill it.
    """

    takes_sparse = True
    any_beta = False  # beyond 1 and 2
    starts = tuple(name for name in NMFProblem.starts if name not in SEPARABLE)

    def __init__(self, V, blocks, masks, divergence, *arguments, **options):
        if not self.any_beta and divergence.beta not in (1, 2):
            raise ValueError(
                f"beta is {divergence.beta:g} and V is sparse, which is for beta 1 and "
                "2: the others need the model at the zeros too; give V.toarray()"
            )
        self._rows = V.T.tocsc()
        super().__init__(V, blocks, masks, divergence, *arguments, **options)

    def half(self, name):
        W, H = self.blocks["templates"], self.blocks["activations"]
        return (self.V, W, H) if name == "activations" else (self._rows, H.mT, W.mT)


class ListedNMFProblem(SparseNMFProblem):
    """The same where nothing counts but the entries that the weights list.

    A start from the data, or least squares, would need what the others are.
    """

    any_beta = True
    starts = ("random",)
    has_least_squares = False

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self._weights_by_rows = self.data_weights.T.tocsc()

    @classmethod
    def start(cls, V, shapes, init, rng):
        return super().start(V.data, shapes, init, rng)

    def weights_of(self, name):
        return self.data_weights if name == "activations" else self._weights_by_rows
