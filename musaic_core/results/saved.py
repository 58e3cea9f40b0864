"""What runs save of their answers, for figures and pages to draw."""

from pathlib import Path
from typing import Any

import librosa
import numpy as np

WINDOW = 4096  # samples under a column of a picture


def save_factors(
    model: Any, labels: Any, frequencies: np.ndarray, frame: float, file: Path
) -> None:
    """Save the factors of a model, as figures draw and pages play them.

    Parameters
    ----------
    model : musaic_core.tasks.base.Model
        Its templates (F, C) and activations (C, T), of NumPy or PyTorch, are kept as
        float16, scaled to a maximum of 1. Of a model with layers ``below`` its
        templates, a list of factorizations or a dict with that list at 0, each layer's
        activations are kept too, as ``layer_2`` and so on: what the templates of the
        layer above are made of.
    labels : array-like, shape (C,), or None
        What each template stands for: a MIDI note number, 0 for none; or a stem. None
        for what the model itself says, or for no pitch.
    frequencies : ndarray of float, shape (F,)
        Centre of each row of the templates, Hz.
    frame : float
        Time between two activations, s.
    file : Path
        A NumPy ``.npz`` file.
    """
    if labels is None:
        labels = getattr(model, "labels", None)
    if labels is None:
        labels = np.zeros(model.templates.shape[1], int)
    blank = "" if any(isinstance(label, str) for label in labels) else 0
    below = getattr(model, "below", [])
    below = below.get(0, []) if isinstance(below, dict) else below  # of frequency
    np.savez_compressed(
        file,
        templates=_unit(model.templates),
        activations=_unit(model.activations),
        labels=[blank if label is None else label for label in labels],
        frequencies=frequencies,
        frame=frame,
        **{
            f"layer_{depth}": _unit(layer.activations)
            for depth, layer in enumerate(below, 2)
        },
    )


def _unit(array):
    if hasattr(array, "detach"):  # PyTorch's, wherever it is
        array = array.detach().cpu()
    array = np.asarray(array, dtype=float)
    return (array / (array.max(initial=0) or 1.0)).astype(np.float16)


def save_spectrograms(
    mixture: np.ndarray,
    references: dict[str, np.ndarray] | None,
    estimates: dict[str, np.ndarray],
    sr: int,
    file: Path,
) -> None:
    """Save what `musaic_core.results.figures.draw_spectrograms` draws.

    Parameters
    ----------
    mixture : ndarray of float, shape (channels, samples)
        The recording.
    references : dict of str to ndarray of float, shape (channels, samples), or None
        The true stems, by name; None where they are not known.
    estimates : dict of str to array of float, shape (channels, samples)
        The estimated stems, by name.
    sr : int
        Sampling rate, Hz.
    file : Path
        A NumPy ``.npz`` file: 80 mel bands, 500 columns, dB below the mixture's
        maximum in 8 bits.
    """
    hop = -(-mixture.shape[1] // 500)
    highest = min(10_000, sr / 2)

    def mel(y):
        # only what lies under a window is read of a recording that may be long
        windows = np.zeros((len(y), 1 + y.shape[1] // hop, WINDOW), np.float32)
        for column in range(windows.shape[1]):
            start = column * hop - WINDOW // 2
            part = y[:, max(0, start) : start + WINDOW]
            before = max(0, -start)
            windows[:, column, before : before + part.shape[1]] = part
        power = librosa.feature.melspectrogram(
            y=windows.reshape(len(y), -1),
            sr=sr,
            n_fft=WINDOW,
            hop_length=WINDOW,
            center=False,
            n_mels=80,
            fmax=highest,
        )
        return power.mean(0)  # over channels

    def decibels(power):
        below = -librosa.power_to_db(power, ref=heard.max(), top_db=None)
        return below.clip(0, 255).astype(np.uint8)

    heard = mel(mixture)
    pictures = {"mixture": decibels(heard)}
    pictures |= {f"estimate {name}": decibels(mel(y)) for name, y in estimates.items()}
    if references is not None:
        pictures |= {f"reference {n}": decibels(mel(y)) for n, y in references.items()}
    duration = mixture.shape[1] / sr
    np.savez_compressed(file, duration=duration, highest=highest, **pictures)
