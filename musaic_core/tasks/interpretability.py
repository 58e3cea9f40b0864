"""How far the components of a model stand for parts of music.

Purity and completeness compare components with concepts of the reference: the pitches
that sound, or the stems. How much of a component's loudness lies where a concept is,
is their overlap. Each component is read as the concept that it overlaps most.

- Purity is the share of all loudness that lies where it is read to be.
- Completeness is how much of a concept its largest component has: of the components
  that are read as it, and of what others have where it is and their own concept is
  not. It is 0 for a concept that no component is read as, and the mean over concepts,
  by the loudness of all components where each is.

Both are corrected for chance, (found - chance) / (1 - chance), where chance is what
they are for a reference that has nothing to do with the model: the same, moved in time
and, where it has an axis of frequency, in frequency. They depend neither on the order
of components nor on how their scale is shared out between template and activations.
`docs/steerability_and_interpretability.md` says what they mean.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import scipy.optimize

from musaic_core.data.notes import Notes
from musaic_core.lowrank.harmonicity import harmonic_combs
from musaic_core.tasks.components import as_arrays
from musaic_core.tasks.concepts import labels_at, pitches_sounding

INTERPRETABILITY = (  # the columns
    *("purity", "completeness", "faithfulness"),
    *("template_sparsity", "activation_sparsity", "harmonicity"),
)
SHIFTS = 10  # of the reference, around the recording, that chance is the mean of
ROWS = 128  # of a spectrum, as loud as each other, that it is moved by in frequency
FUNDAMENTALS = 440 * 2 ** ((np.arange(21, 109) - 69) / 12)  # Hz, of the piano's keys
PARTIALS = 12
RESOLVED = 5  # bins between two partials, the least that a comb can be told by
FRAMES = 4000  # amid a recording, that are looked at


def interpretability_of_notes(
    model: Any, frequencies: np.ndarray, notes: Notes, frame: float
) -> dict[str, float]:
    """Measure how far components stand for the pitches of notes.

    Parameters
    ----------
    model : Model
        Its activations are in time.
    frequencies : ndarray, shape (F or more,)
        Centre of each row of the templates, Hz.
    notes : Notes
        Those of the reference.
    frame : float
        Time between two activations, s.

    Returns
    -------
    dict of str to float
        ``purity`` and ``completeness`` of the middle `FRAMES` frames, and what `form`
        gives.
    """
    W, H = as_arrays(model)
    middle = max(0, (H.shape[1] - FRAMES) // 2)
    H = H[:, middle : middle + FRAMES]
    _, sounding = pitches_sounding(notes, (middle + np.arange(H.shape[1])) * frame)
    loudness = H * W.sum(0)[:, None]
    return alignment_in_time(loudness, sounding) | form(W, H, frequencies[: len(W)])


def interpretability_of_sections(
    patterns: np.ndarray, bars: np.ndarray, sections: pd.DataFrame
) -> dict[str, float]:
    """Measure how far components stand for sections that are alike.

    Parameters
    ----------
    patterns : ndarray, shape (B, C)
        How much of each component each bar has.
    bars : ndarray, shape (B + 1,)
        Times, s.
    sections : DataFrame
        ``start`` (s), ``end`` (s), ``label``, of the reference.

    Returns
    -------
    dict of str to float
        ``purity`` and ``completeness``.
    """
    labels = labels_at(sections, (bars[:-1] + bars[1:]) / 2)
    return alignment_in_time(np.asarray(patterns).T, labels)


def interpretability_of_stems(
    model: Any, frequencies: np.ndarray, stems: Iterable[np.ndarray]
) -> dict[str, float]:
    """Measure how far components stand for stems.

    Parameters
    ----------
    model : Model
        Of frequency × time, or frequency × time × channel.
    frequencies : ndarray, shape (F or more,)
        Centre of each row of the templates, Hz.
    stems : iterable of ndarray, shape (F or more, T)
        Magnitudes of the true stems.

    Returns
    -------
    dict of str to float
        ``purity`` and ``completeness``, and what `form` gives.
    """
    W, H = as_arrays(model)
    powers = np.stack([np.square(stem[: len(W)], dtype=np.float32) for stem in stems])
    shares = powers / (powers.sum(0) + np.finfo(np.float32).tiny)
    H = H.reshape(len(H), shares.shape[2], -1).sum(2)
    return alignment_in_bins(W, H, shares) | form(W, H, frequencies[: len(W)])


def alignment_in_time(loudness: np.ndarray, concepts: np.ndarray) -> dict[str, float]:
    """Purity and completeness where it is known when each concept is there.

    By chance, concepts are where they are at another time. They are moved in steps of
    equal loudness, so that each has as much of all loudness wherever it is moved.

    Parameters
    ----------
    loudness : ndarray, shape (C, T)
        Of each component.
    concepts : ndarray, shape (K, T)
        Whether each is there; several may be.

    Returns
    -------
    dict of str to float
        ``purity`` and ``completeness``: 1 is perfect and 0 is chance; NaN where chance
        cannot be told from perfect, as where one pitch sounds all the time.
    """
    loudness, concepts = np.asarray(loudness, float), np.asarray(concepts, float)

    def measure(loudness, concepts, match=False):
        def astray(labels):
            return (loudness * (1 - concepts[labels])) @ concepts.T

        overlap = loudness @ concepts.T
        return _purity_and_completeness(overlap, loudness.sum(1), astray, match)

    if not len(concepts) or not (loudness @ concepts.T).any():
        return _corrected(np.full(2, np.nan), [])
    total = loudness.sum(0)
    frames = _evenly(total, len(total))
    even, there = loudness[:, frames] / total[frames], concepts[:, frames]
    moved = [measure(even, np.roll(there, by, axis=1)) for by in _shifts(len(frames))]
    return _corrected(measure(loudness, concepts, match=True), moved)


def alignment_in_bins(
    templates: np.ndarray, activations: np.ndarray, concepts: np.ndarray
) -> dict[str, float]:
    """Purity and completeness where each bin is shared out among the concepts.

    By chance, concepts are where they are at another time and in other frequencies.
    They are moved in steps of equal loudness, so that each has as much of all loudness
    wherever it is moved.

    Parameters
    ----------
    templates : ndarray, shape (F, C)
    activations : ndarray, shape (C, T)
    concepts : ndarray, shape (K, F, T)
        The share of each bin that each has, from 0 to 1.

    Returns
    -------
    dict of str to float
        As `alignment_in_time` gives it.
    """

    def measure(W, H, concepts, match=False):
        # W[:, c] · Q H[c] for each concept's Q
        each = [np.einsum("fc,fc->c", W, Q @ H.T) for Q in concepts]
        overlap = np.stack(each, axis=1).astype(float)
        energy = (W.sum(0) * H.sum(1)).astype(float)
        # what is one concept's share of a bin is not another's
        return _purity_and_completeness(overlap, energy, lambda _: overlap, match)

    W, H = templates, activations
    in_rows, in_frames = W @ H.sum(1), W.sum(0) @ H
    if not in_rows.any() or not concepts.any():
        return _corrected(np.full(2, np.nan), [])
    rows, frames = _evenly(in_rows, ROWS), _evenly(in_frames, H.shape[1])
    even_W, even_H = W[rows] / in_rows[rows, None], H[:, frames] / in_frames[frames]
    there = concepts[:, rows][:, :, frames]
    moved = [
        measure(even_W, even_H, np.roll(there, by, axis=(1, 2)))
        for by in zip(_shifts(ROWS), _shifts(len(frames)), strict=True)
    ]
    return _corrected(measure(W, H, concepts, match=True), moved)


def _evenly(loudness, n):
    """Where n equal parts of all loudness have their middle, as indices."""
    heard = np.cumsum(loudness, dtype=float)
    return np.searchsorted(heard, (np.arange(n) + 0.5) / n * heard[-1])


def _shifts(n):
    """So many steps around an axis of n, evenly spaced, none of them back at 0."""
    return np.arange(1, SHIFTS + 1) * n // (SHIFTS + 1)


def _corrected(found, moved):
    """Purity and completeness with the reference, and with it moved."""
    chance = np.mean(moved, axis=0) if len(moved) else np.full(2, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        corrected = np.where(chance < 1 - 1e-6, (found - chance) / (1 - chance), np.nan)
    return dict(zip(("purity", "completeness"), corrected.tolist(), strict=True))


def _purity_and_completeness(overlap, energy, astray, match):
    """Before they are corrected.

    From overlaps (C, K), the loudness (C,) of each component, and a function that says
    of components read as these concepts how much of each lies where its own is not.
    """
    C, K = overlap.shape
    labels = overlap.argmax(1)
    if match:
        # of concepts that suit a component alike, such as pitches that always sound
        # together, each is to have one
        best = overlap.max(1, keepdims=True)
        alike = (overlap >= best * (1 - 1e-9)) & (best > 0)
        rows, columns = scipy.optimize.linear_sum_assignment(overlap * alike, True)
        fit = alike[rows, columns]
        labels[rows[fit]] = columns[fit]
    each = np.arange(C)
    own, others = overlap[each, labels], astray(labels).copy()
    others[each, labels] = 0
    largest = np.zeros(K)
    np.maximum.at(largest, labels, own)
    whole = np.bincount(labels, own, K) + others.sum(0)
    in_one = np.divide(largest, whole, out=np.zeros(K), where=whole > 0)
    weights = overlap.sum(0)
    completeness = weights @ in_one / (weights.sum() or 1.0)
    return np.array([own.sum() / energy.sum(), completeness])


def form(
    templates: np.ndarray, activations: np.ndarray, frequencies: np.ndarray
) -> dict[str, float]:
    """Say how sparse and how harmonic factors are, whatever the music is.

    Parameters
    ----------
    templates : ndarray, shape (F, C)
    activations : ndarray, shape (C, T)
    frequencies : ndarray, shape (F,)
        Hz, rising.

    Returns
    -------
    dict of str to float
        ``template_sparsity``, ``activation_sparsity`` and ``harmonicity``, means over
        the components by their loudness; NaN where all are silent.
    """
    loudness = templates.sum(0, dtype=float) * activations.sum(1, dtype=float)
    if not loudness.sum():
        loudness = np.full(len(loudness), np.nan)
    weights = loudness / loudness.sum()
    return {
        "template_sparsity": float(weights @ hoyer(templates.T)),
        "activation_sparsity": float(weights @ hoyer(activations)),
        "harmonicity": float(weights @ harmonicity(templates, frequencies)),
    }


def hoyer(rows: np.ndarray) -> np.ndarray:
    """Sparsity of each row: 0 for equal entries, 1 for a single one.

    Parameters
    ----------
    rows : ndarray, shape (C, n)
        Nonnegative, n at least 2.

    Returns
    -------
    ndarray, shape (C,)
        0 for a row of zeros.

    References
    ----------
    Hoyer, "Non-negative matrix factorization with sparseness constraints", Journal of
    Machine Learning Research 5, 2004.
    """
    rows = np.asarray(rows, float)
    root = np.sqrt(rows.shape[1])
    lengths = np.linalg.norm(rows, axis=1)
    ratio = np.divide(
        rows.sum(1), lengths, out=np.full(len(rows), root), where=lengths > 0
    )
    return (root - ratio) / (root - 1)


def harmonicity(templates: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Energy of each template on the partials of its pitch, corrected for chance.

    The pitch is that of the piano's keys for which it is the largest. Chance is what
    lies on partials that are moved by a quarter, a half and three quarters of their
    distance, and by none: a smooth spectrum has 0, whatever its shape.

    Parameters
    ----------
    templates : ndarray, shape (F, C)
    frequencies : ndarray, shape (F,)
        Of their rows, rising, Hz.

    Returns
    -------
    ndarray, shape (C,)
        At most 1, which a spectrum has that lies on partials alone; 0 where silent.
    """
    energy = np.square(templates, dtype=float)
    energy = energy / (energy.sum(0) + np.finfo(float).tiny)
    on, by_chance = (combs @ energy for combs in _combs(tuple(map(float, frequencies))))
    return ((on - by_chance) / (1 - by_chance)).max(0)


@cache
def _combs(frequencies):
    """Combs (pitches, F), and their means over what they are moved by."""
    frequencies = np.array(frequencies)
    widths = np.interp(FUNDAMENTALS, frequencies, np.gradient(frequencies))
    pitches = FUNDAMENTALS[RESOLVED * widths <= FUNDAMENTALS]
    moved = np.stack(
        [
            [harmonic_combs(frequencies - part * f, [f], PARTIALS)[0] for f in pitches]
            for part in (0, 0.25, 0.5, 0.75)
        ]
    )
    return moved[0], moved.mean(0)
