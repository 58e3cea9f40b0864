"""The components of a model: what they are, and the recording without some of them."""

from functools import lru_cache

import numpy as np

from musaic_core.publish.factors import component_names
from musaic_core.studio.analysis import Analysis
from musaic_core.studio.work import Mix
from musaic_core.tasks.separation.wiener import (
    HOP,
    WINDOW,
    inverse_transform,
    transform,
)

SILENT = 1e-4  # of the loudest component: as good as not there
BLOCK = 25.0  # s that are filtered at once


def factors_of(analysis: Analysis) -> tuple[np.ndarray, np.ndarray, list]:
    """Templates and activations of all of a recording.

    Parameters
    ----------
    analysis : Analysis
        Of a model with components.

    Returns
    -------
    templates : ndarray, shape (F, C)
        Of the loudest part, for what differs from part to part.
    activations : ndarray, shape (C, T)
    labels : list
        Pitches or stems; 0 for none.
    """
    models = [part.model for part in analysis.parts]
    n = analysis.n_components
    loudest = max(models, key=lambda model: np.sum(model.loudness()))
    W = np.asarray(loudest.templates)[:, :n]
    return W, analysis.activations, list(loudest.labels)[:n]


def components_of(analysis: Analysis, mix: Mix) -> list[dict]:
    """Describe each component that sounds.

    Parameters
    ----------
    analysis : Analysis
    mix : Mix
        What a user has made of them.

    Returns
    -------
    list of dict
        ``index``, ``name``, ``pitch`` and ``stem`` (or None), ``loudness`` (from 0 to
        1), ``centre`` of its spectrum (Hz), ``gain``, and ``merged``, others that are
        one with it and not listed. Empty where the model has no components.
    """
    if not analysis.n_components:
        return []
    W, H, labels = factors_of(analysis)
    loudness = W.sum(0) * H.sum(1)
    loudness = loudness / (loudness.max() or 1)
    centres = analysis.frequencies[: len(W)] @ W / np.maximum(W.sum(0), 1e-30)
    sounding = np.flatnonzero(loudness > SILENT).tolist()
    names = component_names(labels, "no pitch")

    def described(i, others):
        there = [k for k in (i, *others) if k < len(H)]
        return {
            "index": i,
            "name": mix.names.get(i, names[i]),
            "pitch": None if isinstance(labels[i], str) else int(labels[i]) or None,
            "stem": str(labels[i]) if isinstance(labels[i], str) else None,
            "loudness": round(float(loudness[there].sum()), 4),
            "centre": round(np.average(centres[there], weights=loudness[there]).item()),
            "gain": mix.gains.get(i, 1.0),
            "merged": others,
        }

    groups = dict.fromkeys(mix.group(i) for i in sounding)
    return [described(i, others) for i, *others in groups if i < len(H)]


def remixed(
    sound,
    analysis: Analysis,
    gains: dict[int, float],
    rest: float = 1.0,
    stretch: tuple[float, float] = (0.0, np.inf),
):
    """The recording, or a stretch of it, with gains a component.

    What the components make with these gains, over what they make without, is a mask
    for the recording (Wiener filtering, as stems are made).

    Parameters
    ----------
    sound : Sound
    analysis : Analysis
        Of a model with components.
    gains : dict of int to float
    rest : float
        Gain of all other components.
    stretch : tuple of float
        From when to when, s.

    Returns
    -------
    ndarray of float32, shape (channels, samples)
    """
    y, sr = sound.samples, sound.rate
    begin = round(stretch[0] * sr)
    end = min(y.shape[1], round(min(stretch[1], sound.duration) * sr))
    made = np.zeros((len(y), max(0, end - begin)), np.float32)

    @lru_cache(2)  # blocks and parts follow each other in time
    def ratio_of(i):
        return _ratio(analysis.parts[i].model, gains, rest)

    hop, window = 2 * round(HOP * sr / 2), 2 * round(WINDOW * sr / 2)
    block, context = round(BLOCK / HOP) * hop, 2 * window // hop * hop
    for first in range(begin // hop * hop, end, block):
        start = max(0, first - context)
        part = np.asarray(y[:, start : first + block + context])
        X = transform(part, sr)
        times = start / sr + np.arange(X.shape[-1]) * hop / sr
        mask = _mask(analysis, ratio_of, times, np.arange(X.shape[-2]) / WINDOW)
        heard = inverse_transform(mask * X, sr, part.shape[1])
        since, stop = max(first, begin), min(first + block, end)
        made[:, since - begin : stop - begin] = heard[:, since - start : stop - start]
    return made


def _mask(analysis, ratio_of, times, frequencies):
    """What gains make of each frequency at each of some times."""
    columns = np.round(times / analysis.frame).astype(int)
    last = analysis.parts[-1].kept.stop - 1
    columns = np.clip(columns, 0, last)
    rows = np.searchsorted(
        (analysis.frequencies[1:] + analysis.frequencies[:-1]) / 2, frequencies
    )
    mask = np.empty((len(rows), len(columns)), np.float32)
    for i, part in enumerate(analysis.parts):
        here = (part.kept.start <= columns) & (columns < part.kept.stop)
        if here.any():
            ratio = ratio_of(i)[:, columns[here] - part.heard.start]
            mask[:, here] = ratio[np.minimum(rows, len(ratio) - 1)]
    return mask


def _ratio(model, gains, rest):
    """What a model makes with gains, over what it makes without."""
    gain = np.full(len(model.activations), rest, np.float32)
    for i, value in gains.items():
        if i < len(gain):
            gain[i] = value
    whole = np.asarray(model.reconstruct())
    return np.asarray(model.reconstruct(gain)) / (whole + 1e-9 * whole.max() + 1e-30)
