"""NMF with a transform that is learned: which orthogonal basis suits the factors.

The updates, and why they never raise the objective, are derived in
docs/structured_factorizations.md.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.fft

from musaic_core.lowrank.checks import check_count, check_names
from musaic_core.lowrank.models import NMF
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.structured.phased import check_factors

__all__ = ["TransformNMF", "transform_nmf"]

FACTORS = "templates", "activations", "transform"


def transform_nmf(
    X: np.ndarray,
    rank: int,
    *,
    init: Sequence[np.ndarray | None] = (None, None, None),
    fixed: Collection[str] = (),
    max_iter: int = 50,
    history: bool = False,
    seed: int | None = None,
) -> TransformNMF:
    """Learn an orthogonal transform of frames with the NMF of its squares.

    ``(transform @ X)² ≈ templates @ activations`` in the sense of Itakura and Saito:
    with v the squares and y what they are compared with, the sum of ``v / y + log y``
    is minimised, the negative log-likelihood of frames whose coefficients are Gaussian
    of variances y.

    Parameters
    ----------
    X : array (F, T)
        Real, taken as float64; a windowed frame of the signal a column. At least as
        many frames as rows, unless the transform is held: of fewer, rows that are
        silent throughout could be made, whose likelihood has no bound.
    rank : int
        Number of templates C.
    init : sequence of three arrays, optional
        Templates (F, C), activations (C, T) and an orthogonal transform (F, F). Of
        these, templates and activations that are None are drawn at random, and the
        transform is the DCT.
    fixed : collection of names, default=()
        Of "templates", "activations" and "transform", those that keep their start. With
        the transform fixed this is `nmf` with β = 0 of the squares.
    max_iter : int, default=50
        An iteration turns each pair of the transform's rows once.
    history : bool, default=False
        Compute the objective at each iteration.
    seed : int, optional
        Of what is drawn.

    Returns
    -------
    TransformNMF

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.

    References
    ----------
    Fagot, Wendt and Févotte, "Nonnegative matrix factorization with transform
    learning", ICASSP 2018. Wendt, Fagot and Févotte, "Jacobi algorithm for nonnegative
    matrix factorization with transform learning", EUSIPCO 2018 (the rotations).

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(16, 40))
    >>> model = transform_nmf(X, 3, seed=0, max_iter=5)
    >>> model.templates.shape, model.activations.shape, model.transform.shape
    ((16, 3), (3, 40), (16, 16))
    """
    check_names(fixed, "fixed", FACTORS)
    check_count(max_iter, "max_iter", 0)
    X = _checked(X)
    n_rows, n_frames = X.shape
    if n_frames < n_rows and "transform" not in fixed:
        raise ValueError(
            f"X has {n_frames} frames of {n_rows} samples; give at least as many "
            "frames as samples, or hold the transform"
        )
    rank = check_count(rank, "rank")
    shapes = (n_rows, rank), (rank, n_frames), (n_rows, n_rows)
    check_factors(init, dict(zip(FACTORS, shapes, strict=True)), "transform")
    W, H, basis = init
    if basis is None:
        basis = scipy.fft.dct(np.eye(n_rows), axis=0, norm="ortho")
    basis = np.array(basis, float)
    if abs(basis @ basis.T - np.eye(n_rows)).max() > 1e-8:
        raise ValueError("init's transform is not orthogonal; give one whose rows are")
    held = tuple(name for name in FACTORS[:2] if name in fixed)
    options = {"beta": 0, "fixed": held, "seed": seed}

    # silence is 140 dB below the mean: the likelihood of none would have no bound
    least = 1e-14 * float(np.mean(X * X))
    coefficients = basis @ X
    model = nmf(coefficients**2 + least, rank, init=(W, H), max_iter=0, **options)
    objectives = [_objective(coefficients, model, least)] if history else None
    for _ in range(max_iter):
        if "transform" not in fixed:
            rotate(basis, coefficients, model.reconstruct())
            coefficients = basis @ X
        squares = coefficients**2 + least
        model = nmf(squares, rank, init=model, max_iter=1, **options)
        if history:
            objectives.append(_objective(coefficients, model, least))
    return TransformNMF(
        model.templates,
        model.activations,
        max_iter,
        transform=basis,
        history=np.array(objectives) if history else None,
    )


@dataclass(eq=False)
class TransformNMF(NMF):
    """An NMF of squared coefficients, and the transform that gives them.

    Parameters
    ----------
    templates : array (F, C)
        One spectrum a column, of powers, in the order of the transform's rows.
    activations : array (C, T)
        How strong each template is in each frame.
    n_iter : int
        Iterations that were run.
    labels : sequence of length C, optional
        What each component stands for.
    transform : array (F, F)
        Orthogonal; what is called a frequency elsewhere is a row.
    history : array, optional
        The objective at the start and after each iteration.
    """

    transform: np.ndarray = field(kw_only=True)
    history: np.ndarray | None = field(default=None, kw_only=True)

    @property
    def n_parameters(self) -> int:
        """Numbers of the NMF, and the F (F - 1) / 2 angles of the transform."""
        n_rows = len(self.transform)
        return super().n_parameters + n_rows * (n_rows - 1) // 2

    def images(self, X: np.ndarray) -> np.ndarray:
        """Each component's part of the frames, by Wiener filtering.

        Parameters
        ----------
        X : array (F, T)
            The frames that were factorized.

        Returns
        -------
        array (C, F, T)
            Their sum is X.
        """
        total = self.reconstruct()
        shares = self.templates.T[:, :, None] * self.activations[:, None] / total
        return self.transform.T @ (shares * (self.transform @ X))


def rotate(basis: np.ndarray, coefficients: np.ndarray, variances: np.ndarray) -> None:
    """Turn each pair of rows once, in place, to the minimum of Σ coefficients² / y.

    Pairs are taken as in a tournament, where all rows meet in F - 1 rounds; those of a
    round do not share rows, so they turn together.

    Parameters
    ----------
    basis : array (F, N)
        Orthogonal rows.
    coefficients : array (F, T)
        What the rows give of the frames.
    variances : array (F, T)
        The y above.
    """
    n_rows, weights = len(basis), 1 / variances
    order = np.arange(n_rows + n_rows % 2)
    for _ in range(len(order) - 1):
        one, other = order[: len(order) // 2], order[: len(order) // 2 - 1 : -1]
        meet = (one < n_rows) & (other < n_rows)  # of an odd number one row rests
        p, q = one[meet], other[meet]
        x, y = coefficients[p], coefficients[q]
        w = weights[p] - weights[q]
        # the sum is a constant plus this by cosine and sine of twice the angle
        even, odd = (w * (x * x - y * y)).sum(1) / 2, (w * x * y).sum(1)
        angle = np.arctan2(-odd, -even)[:, None] / 2
        c, s = np.cos(angle), np.sin(angle)
        for rows in (basis, coefficients):
            rows[p], rows[q] = c * rows[p] + s * rows[q], c * rows[q] - s * rows[p]
        order[1:] = np.roll(order[1:], 1)


def _objective(coefficients, model, least):
    """Σ v / y + log y."""
    variances = model.reconstruct()
    return float(((coefficients**2 + least) / variances + np.log(variances)).sum())


def _checked(X):
    """Frames as float64; a ValueError says what is wrong with them."""
    X = np.asarray(X)
    if X.ndim != 2 or X.dtype.kind not in "fiu" or 0 in X.shape:
        raise ValueError(
            f"X has shape {X.shape} and dtype {X.dtype}; give real frames (F, T)"
        )
    X = X.astype(float)
    if not np.isfinite(X).all() or not X.any():
        raise ValueError("X has NaN or infinite entries, or zeros alone; mend it")
    return X
