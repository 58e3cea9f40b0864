"""Dictionaries of notes: what each sounds like where it is heard alone."""

from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise

import numpy as np

from musaic_core.lowrank.nmf import nmf
from musaic_core.tasks.dictionary import Dictionary
from musaic_core.tasks.given import Given
from musaic_core.tasks.transcription.spectrogram import FRAME

ATTACK = 0.12  # s
CAUTION = 0.1  # of a band's mean energy, that a filter is 1 for where it has less
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


def adapted_to_notes(dictionary: Dictionary, V: np.ndarray, given: Given) -> Dictionary:
    """Adapt a dictionary to a recording in which some notes are known to sound.

    Where the notes sound, the recording is explained by the dictionary, and each has
    its share of that (Wiener filtering). What these have in third-octave bands, over
    what the dictionary has there, is the response of a filter, through which all of it
    is heard from then on, in pitches too of which nothing was said. The notes
    themselves, filtered out of the recording so, are further entries.

    Parameters
    ----------
    dictionary : Dictionary
    V : ndarray, shape (F, T)
        The recording.
    given : Given
        With the hints.

    Returns
    -------
    Dictionary
    """
    notes = [hint for hint in given.hints if hint.sounds]
    pairs = list(_shares(dictionary, V, given, notes))
    if not pairs:
        return dictionary
    bands = octave_bands(given.frequencies, 3).astype(V.dtype)
    heard, explained = (sum(pair[i].sum(1) for pair in pairs) @ bands for i in (0, 1))
    if not explained.any():  # it is silent there, or the notes are denied too
        return dictionary
    least = CAUTION * explained.mean()
    filtered = dictionary.filtered(bands @ ((heard + least) / (explained + least)))
    alone = [
        (part, np.array([[0, note.end - note.start, note.label]]))
        for note, (part, _) in zip(
            notes, _shares(filtered, V, given, notes), strict=True
        )
    ]
    entries = learn_dictionary(lambda: alone)
    return filtered if entries is None else filtered.extended(entries)


def _shares(dictionary, V, given, notes):
    """What is of each note, (F, frames), and what the dictionary explains it by."""
    heard = np.zeros(V.shape[1], bool)
    for note in notes:
        heard[given.frames_of(note)] = True
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
    for note in notes:
        there = given.frames_of(note)
        explained = W[:, labels == note.label] @ H[labels == note.label, there]
        yield V[:, there] * explained / (W @ H[:, there] + 1e-12), explained


def octave_bands(frequencies: np.ndarray, n: int = 1) -> np.ndarray:
    """Bands that overlap and sum to 1.

    Parameters
    ----------
    frequencies : ndarray, shape (F,)
        Hz.
    n : int
        Bands in an octave.

    Returns
    -------
    ndarray, shape (F, K)
        Raised cosines.
    """
    octaves = n * np.log2(np.maximum(frequencies, 30))
    centres = np.arange(octaves[0], octaves[-1] + 1)
    away = np.minimum(np.abs(octaves[:, None] - centres), 1)
    return 0.5 + 0.5 * np.cos(np.pi * away)
