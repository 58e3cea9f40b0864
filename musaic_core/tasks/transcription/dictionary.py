"""Dictionaries of notes: what each sounds like where it is heard alone."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import pairwise

import numpy as np

from musaic_core.lowrank.nmf import nmf
from musaic_core.tasks.given import Dictionary, Given
from musaic_core.tasks.transcription.spectrogram import FRAME

ATTACK = 0.12  # s
Isolated = Callable[[], Iterable[tuple[np.ndarray, np.ndarray]]]


def learn_dictionary(isolated: Isolated) -> Dictionary | None:
    """Take attack and sustain of every isolated note.

    Parameters
    ----------
    isolated : callable
        Gives pairs of spectrogram (F, T) and notes (n, 3), whose columns are onset (s),
        offset (s) and MIDI note number.

    Returns
    -------
    Dictionary or None
        None where there are no notes.
    """
    spectra, pitches = [], []
    for V, notes in isolated():
        for onset, offset, pitch in notes:
            start, attack, end = np.array([onset, onset + ATTACK, offset]) / FRAME
            cuts = int(start), int(attack), max(int(end), int(attack) + 1)
            for first, last in pairwise(cuts):
                spectra.append(V[:, first:last].sum(1))
                pitches.append(pitch)
    templates, pitches = _of_sum_one(spectra, pitches)
    if templates is None:
        return None
    return Dictionary(templates, pitches, partial(_patches, isolated))


def _patches(isolated, length):
    """The first frames of every isolated note, (F, P, length)."""
    spectra, pitches = [], []
    for V, notes in isolated():
        for onset, _, pitch in notes:
            start = int(onset / FRAME)
            cut = V[:, start : start + length]
            spectra.append(np.pad(cut, ((0, 0), (0, length - cut.shape[1]))))
            pitches.append(pitch)
    return _of_sum_one(spectra, pitches)


def _of_sum_one(spectra, pitches):
    """Spectra side by side, each of sum 1, and their pitches; without silent ones."""
    pairs = [(s, p) for s, p in zip(spectra, pitches, strict=True) if s.any()]
    if not pairs:
        return None, None
    spectra, pitches = zip(*((s / s.sum(), p) for s, p in pairs), strict=True)
    return np.stack(spectra, axis=1), np.array(pitches, int)


def hinted_notes(
    V: np.ndarray, given: Given, dictionary: Dictionary
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Filter notes out of a recording where a user says that they sound.

    The recording is explained by the dictionary, and each note has its share of that
    (Wiener filtering).

    Parameters
    ----------
    V : ndarray, shape (F, T)
    given : Given
        With the hints.
    dictionary : Dictionary

    Yields
    ------
    V : ndarray, shape (F, frames)
        Of a note alone.
    notes : ndarray, shape (1, 3)
        The note, from 0 s on, as `learn_dictionary` takes it.
    """
    notes = [(hint, given.frames_of(hint)) for hint in given.hints if hint.sounds]
    heard = np.zeros(V.shape[1], bool)
    for _, there in notes:
        heard[there] = True
    if not heard.any():
        return
    W, labels = dictionary.templates, dictionary.labels
    H = np.zeros((W.shape[1], V.shape[1]), V.dtype)
    H[:, heard] = nmf(
        V[:, heard],
        W.shape[1],
        init=(W, np.full((W.shape[1], heard.sum()), V.mean(), V.dtype)),
        fixed=("templates",),
        mask={"activations": given.allowed(labels, V.shape[1])[:, heard]},
    ).activations
    for hint, there in notes:
        own = labels == hint.label
        share = (W[:, own] @ H[own, there]) / (W @ H[:, there] + 1e-12)
        note = np.array([[0, hint.end - hint.start, hint.label]])
        yield V[:, there] * share, note
