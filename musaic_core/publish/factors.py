"""Factors as a page draws and plays them: a byte an entry, in steps of decibels."""

import json
from collections.abc import Iterable
from pathlib import Path

import librosa
import numpy as np

FLOOR, STEP = 60, 2  # dB: where a factor counts as zero, and how fine it is kept


def pack_factors(file: Path, start: float, duration: float) -> bytes:
    """Pack an excerpt's templates and activations for the page's own Wiener filter.

    Parameters
    ----------
    file : Path
        From `musaic_core.results.saved.save_factors`, of a recording or its middle.
    start, duration : float
        Of the excerpt, which is the middle of the recording, s.

    Returns
    -------
    bytes
        A line of JSON, then templates (R, F) and activations (R, T), a byte each:
        steps above the floor, 0 for silence; each template's maximum is 0 dB. Layers
        are shares: column k of ``layer_2`` says what template k is made of.
        Components silent in the excerpt are left out.
    """
    with np.load(file) as saved:
        W, H = saved["templates"].astype(float), saved["activations"].astype(float)
        labels, frame = saved["labels"], float(saved["frame"])
        frequencies = saved["frequencies"]
        layers = {k: saved[k].astype(float) for k in sorted(saved) if "layer" in k}
    n = round(duration / frame)
    middle = max(0, (H.shape[1] - n) // 2)
    H = H[:, middle : middle + n]
    first = round(start / frame)
    return pack_levels(W, H, labels, frequencies, frame, first, layers)[0]


def pack_levels(
    W: np.ndarray,
    H: np.ndarray,
    labels: np.ndarray,
    frequencies: np.ndarray,
    frame: float,
    first: int = 0,
    layers: dict[str, np.ndarray] | None = None,
) -> tuple[bytes, np.ndarray]:
    """Pack templates and activations for a page to draw and play.

    Parameters
    ----------
    W, H : ndarray, shape (F, C) and (C, T)
    labels : ndarray, shape (C,)
        What each stands for.
    frequencies : ndarray, shape (F,)
        Hz.
    frame : float
        Between two columns of `H`, s.
    first : int
        The recording's column that `H` begins with.
    layers : dict of str to ndarray, optional
        Shares, by the names of the layers.

    Returns
    -------
    data : bytes
        As `pack_factors` says.
    kept : ndarray of int, shape (R,)
        Which components they are.
    """
    layers = layers or {}
    H = H * W.max(0)[:, None]
    W = W / np.maximum(W.max(0), 1e-12)
    H = _levels(H)
    kept = np.flatnonzero(H.any(1))
    kept = kept[np.argsort(labels[kept], kind="stable")]
    W, H = _levels(W.T)[kept], H[kept]
    if "layer_2" in layers:  # the columns are these templates
        layers = layers | {"layer_2": layers["layer_2"][:, kept]}
    header = {
        "shape": [*W.shape, H.shape[1]],
        "floor": FLOOR,
        "step": STEP,
        "frame": frame,
        "first": first,
        "frequencies": np.round(frequencies, 1).tolist(),
        "names": component_names(labels[kept].tolist()),
        "layers": {
            name: np.round(matrix / (matrix.sum(0) + 1e-12), 3).tolist()
            for name, matrix in layers.items()
        },
    }
    data = json.dumps(header).encode() + b"\n" + W.tobytes() + H.tobytes()
    return data, kept


def _levels(array):
    """Steps above the floor."""
    relative = array / (array.max(initial=0) or 1.0)
    decibels = FLOOR + 20 * np.log10(np.maximum(relative, 1e-12))
    return np.maximum(np.round(decibels / STEP), 0).astype(np.uint8)


def component_names(labels: Iterable, unlabelled: str = "–") -> list[str]:
    """Name components by their labels; what several of them share is numbered.

    Parameters
    ----------
    labels : iterable of str or int
        Names of stems, or MIDI numbers; 0 for none.
    unlabelled : str
        What is put where there is no label.

    Returns
    -------
    list of str
    """
    names = [
        unlabelled
        if not label
        else str(label)
        if isinstance(label, str)
        else librosa.midi_to_note(int(label))
        for label in labels
    ]
    return [
        f"{name} {names[: i + 1].count(name)}" if names.count(name) > 1 else name
        for i, name in enumerate(names)
    ]
