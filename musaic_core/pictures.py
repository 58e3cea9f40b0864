"""Pictures of a factorization."""

from pathlib import Path

import librosa
import matplotlib.figure
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg


def save_factors(
    factorization, labels, frequencies: np.ndarray, frame: float, file: Path
) -> None:
    """Save what `draw_factors` draws.

    Parameters
    ----------
    factorization : NMF, NCP or NTD
        Its templates (F, R) and activations (R, T) are kept as float16, scaled to a
        maximum of 1.
    labels : array-like, shape (R,)
        What each template stands for: a MIDI note number, 0 for none.
    frequencies : ndarray, shape (F,)
        Hz.
    frame : float
        Time between two activations, s.
    file : Path
        A NumPy ``.npz`` file.
    """
    np.savez_compressed(
        file,
        templates=_unit(factorization.templates),
        activations=_unit(factorization.activations),
        labels=labels,
        frequencies=frequencies,
        frame=frame,
    )


def _unit(array):
    array = np.asarray(array, dtype=float)
    return (array / (array.max(initial=0) or 1.0)).astype(np.float16)


def draw_factors(file: Path) -> np.ndarray:
    """Draw templates beside activations, in the order of their pitches.

    Parameters
    ----------
    file : Path
        Written by `save_factors`.

    Returns
    -------
    ndarray, shape (height, width, 3)
        Red, green and blue, 0 to 1.
    """
    with np.load(file) as saved:
        order = np.argsort(saved["labels"], kind="stable")
        templates = saved["templates"].astype(float)[:, order]
        activations = saved["activations"].astype(float)[order]
        labels = saved["labels"][order]
        frequencies, frame = saved["frequencies"], float(saved["frame"])

    figure = matplotlib.figure.Figure(figsize=(8, 8), dpi=90, layout="constrained")
    upper, lower = figure.subplots(2, 1)
    R, T = activations.shape
    upper.pcolormesh(
        np.arange(R + 1),
        frequencies,
        _decibels(templates / (templates.max(0) + 1e-9))[:-1],
        cmap="magma",
        rasterized=True,
    )
    upper.set(yscale="log", ylabel="frequency (Hz)", title="Templates")
    lower.imshow(
        _decibels(activations),
        aspect="auto",
        origin="lower",
        extent=(0, T * frame, 0, R),
        cmap="magma",
        interpolation="nearest",
    )
    lower.set(xlabel="time (s)", title="Activations")
    ticks = _pitch_ticks(labels)
    upper.set_xticks(list(ticks), list(ticks.values()), rotation=60, fontsize=8)
    upper.set_xlabel("template, by pitch")
    lower.set_yticks(list(ticks), list(ticks.values()), fontsize=8)
    lower.set_ylabel("template, by pitch")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3] / 255


def _decibels(magnitude):
    return 20 * np.log10(np.maximum(magnitude, 1e-2))


def _pitch_ticks(labels):
    """Where a few of the pitches begin, and their names."""
    pitches, first = np.unique(labels, return_index=True)
    step = -(-len(pitches) // 16)
    return {
        at + 0.5: librosa.midi_to_note(pitch) if pitch else "no pitch"
        for pitch, at in zip(pitches[::step], first[::step], strict=True)
    }
