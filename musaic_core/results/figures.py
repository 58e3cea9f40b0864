"""Drawings of what runs saved, as pictures for reports."""

from collections.abc import Callable
from pathlib import Path

import librosa
import matplotlib.figure
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

COLUMNS = 2000  # of a picture of activations, which has fewer pixels


def draw_factors(file: Path) -> np.ndarray:
    """Draw templates beside activations, in the order of their pitches or stems.

    Parameters
    ----------
    file : Path
        Written by `musaic_core.results.saved.save_factors`.

    Returns
    -------
    ndarray of float, shape (height, width, 3)
        Red, green and blue, 0 to 1.
    """
    with np.load(file) as saved:
        order = np.argsort(saved["labels"], kind="stable")
        templates = saved["templates"].astype(float)[:, order]
        activations = saved["activations"]
        T = activations.shape[1]
        # those that can be seen: all of an hour take gigabytes
        seen = np.linspace(0, T - 1, min(T, COLUMNS)).round().astype(int)
        activations = activations[:, seen].astype(float)[order]
        labels = saved["labels"][order]
        frequencies, frame = saved["frequencies"], float(saved["frame"])

    figure = matplotlib.figure.Figure(figsize=(8, 8), dpi=90)
    upper, lower = figure.subplots(2, 1)
    figure.subplots_adjust(0.12, 0.06, 0.99, 0.96, hspace=0.42)
    R = len(activations)
    # on a logarithmic axis, as rows of equal height: many times faster than a mesh
    rows = np.geomspace(frequencies[frequencies > 0][0], frequencies[-1], 300)
    nearest = np.searchsorted((frequencies[1:] + frequencies[:-1]) / 2, rows)
    spectra = _decibels(templates / (templates.max(0) + 1e-9))[nearest]
    look = {
        "aspect": "auto",
        "origin": "lower",
        "cmap": "magma",
        "interpolation": "nearest",
    }
    upper.imshow(spectra, extent=(0, R, 0, len(rows)), **look)
    hertz = [f for f in (50, 100, 200, 500, 1000, 2000, 5000) if rows[0] < f < rows[-1]]
    upper.set_yticks(np.interp(np.log(hertz), np.log(rows), range(len(rows))), hertz)
    upper.set(ylabel="frequency (Hz)", title="Templates")
    lower.imshow(_decibels(activations), extent=(0, T * frame, 0, R), **look)
    lower.set(xlabel="time (s)", title="Activations")
    if labels.dtype.kind == "U":
        kind, ticks = "stem", _stem_ticks(labels)
        for first in np.flatnonzero(labels[1:] != labels[:-1]) + 1:
            upper.axvline(first, color="white", linewidth=0.8)
            lower.axhline(first, color="white", linewidth=0.8)
    else:
        kind, ticks = "pitch", _pitch_ticks(labels)
    upper.set_xticks(list(ticks), list(ticks.values()), rotation=60, fontsize=8)
    upper.set_xlabel(f"template, by {kind}")
    lower.set_yticks(list(ticks), list(ticks.values()), fontsize=8)
    lower.set_ylabel(f"template, by {kind}")
    return render(figure)


def render(figure: matplotlib.figure.Figure) -> np.ndarray:
    """Draw a figure into an array.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Of any size.

    Returns
    -------
    ndarray of float, shape (height, width, 3)
        Red, green and blue of its pixels, 0 to 1.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3] / 255


def picture(draw: Callable[[Path], np.ndarray], file: Path) -> np.ndarray:
    """Draw a file, or say in its place why that does not work.

    Parameters
    ----------
    draw : callable
        Takes the file; gives red, green and blue.
    file : Path
        What a run saved.

    Returns
    -------
    ndarray of float, shape (height, width, 3)
        Red, green and blue, 0 to 1.
    """
    try:
        return draw(file)
    except Exception as error:  # one broken file costs its own figure alone
        return message(f"{file.name} can't be drawn: {error}")


def message(text: str) -> np.ndarray:
    """Draw a sentence in place of a figure that there is nothing to draw of.

    Parameters
    ----------
    text : str
        It is broken into lines.

    Returns
    -------
    ndarray of float, shape (height, width, 3)
        Red, green and blue, 0 to 1.
    """
    figure = matplotlib.figure.Figure(figsize=(5, 5), dpi=90)
    figure.text(0.5, 0.5, text, ha="center", va="center", fontsize=11, wrap=True)
    return render(figure)


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


def _stem_ticks(labels):
    """The middle of each stem's templates, and its name and their number."""
    stems, first, count = np.unique(labels, return_index=True, return_counts=True)
    return {
        at + n / 2: f"{stem} ({n})"
        for stem, at, n in zip(stems, first, count, strict=True)
    }


def draw_spectrograms(file: Path) -> np.ndarray:
    """Draw the mixture, and each stem's reference beside its estimate.

    Parameters
    ----------
    file : Path
        Written by `musaic_core.results.saved.save_spectrograms`.

    Returns
    -------
    ndarray of float, shape (height, width, 3)
        Red, green and blue, 0 to 1.
    """
    with np.load(file) as saved:
        pictures = {name: -saved[name].astype(float) for name in saved.files}
    extent = (0, -float(pictures.pop("duration")), 0, 80)
    mel = librosa.mel_frequencies(82, fmax=-float(pictures.pop("highest")))[1:-1]
    stems = [n.removeprefix("estimate ") for n in pictures if n.startswith("estimate")]
    rows = [["mixture"] * 2]
    rows += [[f"reference {stem}", f"estimate {stem}"] for stem in stems]
    if f"reference {stems[0]}" not in pictures:
        rows = [[row[1]] for row in rows]

    height = 1.7 * len(rows)
    figure = matplotlib.figure.Figure((8, height), dpi=90)
    # margins by hand: to find them takes as long as the drawing, once a solver
    margins = {"top": 1 - 0.25 / height, "bottom": 0.5 / height}
    figure.subplots_adjust(left=0.1, right=0.99, hspace=0.25, wspace=0.03, **margins)
    hertz = [100, 500, 1000, 2000, 5000]
    for name, axes in figure.subplot_mosaic(rows, sharex=True, sharey=True).items():
        axes.imshow(
            pictures[name],
            aspect="auto",
            origin="lower",
            extent=extent,
            cmap="magma",
            vmin=-70,
            vmax=0,
        )
        axes.set_title(name, fontsize=9)
        axes.set_yticks(np.interp(hertz, mel, np.arange(80) + 0.5), hertz, fontsize=7)
        axes.tick_params(labelsize=7)
    figure.supxlabel("time (s)", fontsize=9)
    figure.supylabel("frequency (Hz, mel scale)", fontsize=9)
    return render(figure)
