"""Pictures of factorizations and of separated stems."""

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
        maximum of 1; of a deep model also, as ``layer_2`` and so on, what the templates
        of each layer are made of.
    labels : array-like, shape (R,)
        What each template stands for: a MIDI note number, 0 for none; or a stem.
    frequencies : ndarray, shape (F,)
        Hz.
    frame : float
        Time between two activations, s.
    file : Path
        A NumPy ``.npz`` file.
    """
    below = getattr(factorization, "below", [])
    below = below.get(0, []) if isinstance(below, dict) else below  # of frequency
    np.savez_compressed(
        file,
        templates=_unit(factorization.templates),
        activations=_unit(factorization.activations),
        labels=labels,
        frequencies=frequencies,
        frame=frame,
        **{
            f"layer_{depth}": _unit(nmf.activations)
            for depth, nmf in enumerate(below, 2)
        },
    )


def _unit(array):
    array = np.asarray(array, dtype=float)
    return (array / (array.max(initial=0) or 1.0)).astype(np.float16)


def draw_factors(file: Path) -> np.ndarray:
    """Draw templates beside activations, in the order of their pitches or stems.

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

    figure = matplotlib.figure.Figure(figsize=(8, 8), dpi=90)
    upper, lower = figure.subplots(2, 1)
    figure.subplots_adjust(0.12, 0.06, 0.99, 0.96, hspace=0.42)
    R, T = activations.shape
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
    """Red, green and blue of a figure's pixels, 0 to 1, (height, width, 3)."""
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


def _stem_ticks(labels):
    """The middle of each stem's templates, and its name and their number."""
    stems, first, count = np.unique(labels, return_index=True, return_counts=True)
    return {
        at + n / 2: f"{stem} ({n})"
        for stem, at, n in zip(stems, first, count, strict=True)
    }


def save_spectrograms(
    mixture: np.ndarray,
    references: dict[str, np.ndarray] | None,
    estimates: dict[str, np.ndarray],
    sr: int,
    file: Path,
) -> None:
    """Save what `draw_spectrograms` draws.

    Parameters
    ----------
    mixture : ndarray, shape (channels, samples)
    references, estimates : dict of str to ndarray, shape (channels, samples)
        By the names of the stems; references may be None.
    sr : int
        Sampling rate, Hz.
    file : Path
        A NumPy ``.npz`` file: 80 mel bands, 500 columns, dB below the mixture's
        maximum in 8 bits.
    """
    hop = -(-mixture.shape[1] // 500)
    highest = min(10_000, sr / 2)

    def mel(y):
        return librosa.feature.melspectrogram(
            y=y.mean(0), sr=sr, n_fft=4096, hop_length=hop, n_mels=80, fmax=highest
        )

    loudest = mel(mixture).max()

    def decibels(y):
        below = -librosa.power_to_db(mel(y), ref=loudest, top_db=None)
        return below.clip(0, 255).astype(np.uint8)

    pictures = {"mixture": decibels(mixture)}
    pictures |= {f"estimate {name}": decibels(y) for name, y in estimates.items()}
    if references is not None:
        pictures |= {f"reference {n}": decibels(y) for n, y in references.items()}
    duration = mixture.shape[1] / sr
    np.savez_compressed(file, duration=duration, highest=highest, **pictures)


def draw_spectrograms(file: Path) -> np.ndarray:
    """Draw the mixture, and each stem's reference beside its estimate.

    Parameters
    ----------
    file : Path
        Written by `save_spectrograms`.

    Returns
    -------
    ndarray, shape (height, width, 3)
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

    figure = matplotlib.figure.Figure(
        (8, 1.7 * len(rows)), dpi=90, layout="constrained"
    )
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
