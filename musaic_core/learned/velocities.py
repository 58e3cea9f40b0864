"""Velocities beside what a network hears of notes.

Networks that `notes` trains hear how bands differ from those around them, whatever
their level, so that no equaliser matters; how loud a note is, they do not know.
Velocities are read beside them: a linear function of the logarithms of a key's
harmonics at the onset, by ridge regression.
"""

from collections.abc import Callable, Iterable

import numpy as np
from scipy.ndimage import maximum_filter1d
from torch import nn

from musaic_core.data.notes import Notes
from musaic_core.learned import notes as learning
from musaic_core.learned.note_cnn import HARMONICS
from musaic_core.learned.notes import PITCHES, normalise

VELOCITY = "velocity"  # an array of the state: a weight a harmonic, and a constant


def fit(
    network: Callable[[np.ndarray], nn.Module],
    examples: Iterable[tuple[np.ndarray, Notes]],
    isolated: Iterable[tuple[np.ndarray, Notes]] = (),
    *,
    frequencies: np.ndarray,
    frame: float,
    **options,
) -> dict[str, np.ndarray]:
    """Train a network, and fit velocities to how loud harmonics are.

    Parameters
    ----------
    network : callable
        Makes the network, given the frequencies of the bands. It hears onsets and notes
        that sound.
    examples : iterable of (ndarray of float32, shape (F, T), Notes)
        Magnitude spectrogram and notes of each recording to learn from.
    isolated : iterable of (ndarray of float32, shape (F, T), Notes)
        The same of recordings whose notes sound one at a time.
    frequencies : ndarray, shape (F,)
        Centre of each band, Hz.
    frame : float
        Time between frames, s.
    **options
        As `train` takes them: steps, minutes, seed, device, checkpoints.

    Returns
    -------
    dict of str to ndarray
        Weights, for `describe`: none for velocities where no example has notes.
    """
    examples = list(examples)
    known = {"frequencies": frequencies, "frame": frame}
    state = learning.fit(network, examples, isolated, **known, **options)
    levels, velocities = [], []
    for V, notes in examples:
        nearest = np.round(notes.onsets / frame).astype(int)
        is_there = np.isin(notes.pitches, PITCHES) & (nearest < V.shape[1])
        keys, nearest = (notes.pitches - PITCHES[0])[is_there], nearest[is_there]
        levels.append(_harmonic_levels(V, frequencies)[:, keys, nearest])
        velocities.append(notes.velocities[is_there] / 127)
    if not sum(map(len, velocities)):
        return state
    A, b = np.concatenate(levels, 1).T, np.concatenate(velocities)
    gram = A.T @ A + 1e-6 * len(A) * np.eye(A.shape[1])
    return state | {VELOCITY: np.linalg.solve(gram, A.T @ b)}


def describe(
    network: Callable[[np.ndarray], nn.Module],
    V: np.ndarray,
    state: dict[str, np.ndarray],
    device: str = "cpu",
) -> tuple[np.ndarray, np.ndarray]:
    """Hear the notes of a recording, and how loud they are.

    Parameters
    ----------
    network : callable
        As `fit` was given it.
    V : ndarray, shape (F, T)
        Magnitude spectrogram, as those that `fit` was given.
    state : dict of str to ndarray
        What `fit` gave.
    device : str
        PyTorch's name of where to compute.

    Returns
    -------
    level : ndarray, shape (88, T)
        Probabilities that each pitch sounds in a frame, times the square of its
        velocity, from 0 to 1: the task's decoder takes roots.
    onset : ndarray, shape (88, T)
        Probabilities that it begins in a frame.
    """
    weights = {name: array for name, array in state.items() if name != VELOCITY}
    sounding, onset = learning.describe(network, V, weights, device)
    if VELOCITY in state:
        levels = _harmonic_levels(V, state["frequencies"])
        velocity = np.einsum("h,hkt->kt", state[VELOCITY], levels)
        sounding = sounding * np.clip(velocity, 0.05, 1) ** 2
    return sounding, onset


def _harmonic_levels(V, frequencies):
    """Logarithms of each key's harmonics, the loudest of five frames, and ones."""
    hz = 440 * 2 ** ((PITCHES - 69) / 12) * np.array(HARMONICS)[:, None]
    place = np.interp(hz, frequencies, np.arange(len(V)))
    low = np.minimum(place.astype(int), len(V) - 2)
    share = (place - low)[..., None]
    level = np.log(normalise(V) + 1e-4, dtype=float)
    level = (1 - share) * level[low] + share * level[low + 1]
    level = maximum_filter1d(level, 5, axis=2, origin=-2)  # from each frame on
    return np.concatenate([level, np.ones_like(level[:1])])
