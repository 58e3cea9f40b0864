"""What models of complex spectra share: sources, checks of starts, and products."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from musaic_core.lowrank.checks import scaling
from musaic_core.lowrank.kernels.arrays import multiply
from musaic_core.lowrank.starts import random_factor

__all__ = [
    "check_factors",
    "check_spectra",
    "check_start",
    "indices_of",
    "move_sources",
    "products_of",
]


def indices_of(sources: Sequence) -> np.ndarray:
    """The number of each component's source, (C,)."""
    return np.unique(np.asarray(sources), return_inverse=True)[1]


def products_of(W: np.ndarray, H: np.ndarray, of: np.ndarray) -> np.ndarray:
    """What the components of each source sum to, (N, F, T)."""
    return np.stack([W[:, of == n] @ H[of == n] for n in range(of.max() + 1)])


def move_sources(
    name: str,
    W: np.ndarray,
    H: np.ndarray,
    of: np.ndarray,
    parts: Iterable[tuple[np.ndarray, np.ndarray]],
    exponent: float,
) -> None:
    """Take a multiplicative step with the templates or activations, in place.

    Parameters
    ----------
    name : str
        "activations"; all else stands for the templates.
    W, H : array (F, C), (C, T)
        Templates and activations.
    of : array (C,)
        The number of each component's source.
    parts : iterable of pairs of arrays (F, T)
        For each source both parts of the gradient by what its components sum to.
    exponent : float
        Of the quotient of both.
    """
    for n, (P, Q) in enumerate(parts):
        own = of == n
        A, B = W[:, own], H[own]
        if name == "activations":
            multiply(B, A.T @ P, A.T @ Q, exponent)
            H[own] = B
        else:
            multiply(A, P @ B.T, Q @ B.T, exponent)
            W[:, own] = A


def check_spectra(X: np.ndarray, sources: Sequence, axes: str) -> None:
    """A ValueError if X is not complex with those axes, or there are no sources."""
    if np.ndim(X) != axes.count(",") + 1 or np.asarray(X).dtype.kind != "c":
        raise ValueError(
            f"X has {np.ndim(X)} axes and dtype {np.asarray(X).dtype}; give complex "
            f"spectra {axes}"
        )
    if not np.isfinite(X).all():
        raise ValueError("X has NaN or infinite entries; replace them")
    if len(sources) == 0:
        raise ValueError("sources is empty; give the source of each component")


def check_factors(init: Sequence, shapes: dict[str, tuple], signed: str) -> None:
    """A ValueError that names a start factor with another shape, or sign, or NaN."""
    if len(init) != len(shapes):
        raise ValueError(f"init has {len(init)} factors; give {', '.join(shapes)}")
    for (name, shape), factor in zip(shapes.items(), init, strict=True):
        if factor is None:
            continue
        if np.shape(factor) != shape:
            raise ValueError(
                f"init's {name} has shape {np.shape(factor)}; give {shape}"
            )
        if not np.isfinite(factor).all() or (name != signed and np.min(factor) < 0):
            raise ValueError(f"init's {name} has NaN, infinite or negative entries")


def check_start(
    X: np.ndarray,
    sources: Sequence,
    init: Sequence,
    names: Sequence[str],
    seed: int | None,
    degree: int,
) -> tuple[np.ndarray, list[np.ndarray], float]:
    """The data, and templates, activations and phases as they were given, or drawn.

    Data of an extreme scale is brought near 1, as powers of it could not be told from
    zero, and the activations with it.

    Parameters
    ----------
    X : array (F, T)
        Complex.
    sources : sequence of length C
    init : sequence of three arrays, or None
    names : sequence of three str
        What they are called.
    seed : int, optional
    degree : {1, 2}
        Whether templates and activations are of magnitudes or of powers.

    Returns
    -------
    X, factors : array (F, T), list of three arrays
    scale : float
        The power of two that the data was multiplied with.

    Raises
    ------
    ValueError
        Names what is out of range.
    """
    check_spectra(X, sources, "(F, T)")
    (n_rows, n_frames), of = X.shape, indices_of(sources)
    n_sources, dtype = of.max() + 1, X.real.dtype
    shapes = (n_rows, len(of)), (len(of), n_frames), (n_sources, n_rows, n_frames)
    check_factors(init, dict(zip(names, shapes, strict=True)), names[2])
    scale = scaling(float(np.abs(X).mean()), str(dtype), near=True)
    X = X * scale
    rng, (W, H, phases) = np.random.default_rng(seed), init
    W = random_factor(rng, shapes[0], 1.0) if W is None else W
    if H is None:
        mean = (np.abs(X) ** degree).mean()
        level = mean / (len(of) * (float(np.mean(W)) or 1.0))
        H = random_factor(rng, shapes[1], level)
    else:
        for _ in range(degree):
            H = np.asarray(H, float) * scale
    if phases is None:
        phases = rng.uniform(-np.pi, np.pi, shapes[2])
    return X, [np.array(factor, dtype, order="C") for factor in (W, H, phases)], scale
