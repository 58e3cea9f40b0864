"""A small network of onsets and frames, which `notes` trains, and velocities."""

from collections.abc import Iterable

import numpy as np
import torch
from scipy.ndimage import maximum_filter1d
from torch import Tensor, nn

from musaic_core.data.notes import Notes
from musaic_core.learned import notes as learning
from musaic_core.learned.note_cnn import HARMONICS, Block
from musaic_core.learned.notes import BINS, PITCHES, HarmonicStack, normalise

CHANNELS, HIDDEN = 24, 16  # of convolutions, and of each direction of the GRUs
VELOCITY = "velocity"  # an array of the state: a weight a harmonic, and a constant


class OnsetsAndFrames(nn.Module):
    """Onsets and frames of 88 pitches, by what each key has heard and will hear.

    1. The spectrogram is read at each pitch and its harmonics: `HarmonicStack`.
    2. A convolution of 5 bins × 5 frames, every third bin, and a `Block` of `NoteCNN`.
    3. A GRU in both directions of time, the same for each key, tells onsets.
    4. Another one, which is told where the first one hears onsets, tells what sounds.

    Hawthorne et al. have dense layers over all keys, and 26 million parameters; here a
    key in another octave is heard by the same weights. There are 25,362 parameters.

    Parameters
    ----------
    frequencies : ndarray, shape (F,)
        Centre of each band of the spectrogram, Hz, increasing.

    References
    ----------
    Hawthorne et al., "Onsets and frames: dual-objective piano transcription", ISMIR
    2018. Cho et al., "Learning phrase representations using RNN encoder-decoder for
    statistical machine translation", EMNLP 2014 (the GRU).
    """

    def __init__(self, frequencies: np.ndarray):
        super().__init__()
        self.stack = nn.Sequential(
            HarmonicStack(frequencies, HARMONICS),
            nn.Conv2d(
                len(HARMONICS), CHANNELS, 5, (BINS, 1), padding=(1, 2), bias=False
            ),
            nn.BatchNorm2d(CHANNELS),
            nn.ReLU(),
            Block(CHANNELS, 1),
        )
        self.onsets = _Head(CHANNELS)
        self.frames = _Head(CHANNELS + 1)

    def forward(self, V: Tensor) -> Tensor:
        """Hear notes.

        Parameters
        ----------
        V : Tensor of float32, shape (batch, F, T)
            Spectrograms as `musaic_core.learned.notes.normalise` gives them.

        Returns
        -------
        Tensor, shape (batch, 2, 88, T)
            Logits of an onset, and of a note that sounds.
        """
        heard = self.stack(V)
        onset = self.onsets(heard)
        begins = torch.sigmoid(onset).detach()  # frames do not teach onsets
        return torch.cat([onset, self.frames(torch.cat([heard, begins], 1))], 1)


def fit(
    examples: Iterable[tuple[np.ndarray, Notes]],
    isolated: Iterable[tuple[np.ndarray, Notes]] = (),
    *,
    frequencies: np.ndarray,
    frame: float,
    **options,
) -> dict[str, np.ndarray]:
    """Train the network, and fit velocities to how loud harmonics are.

    The network hears how bands differ from those around them, whatever their level, so
    that no equaliser matters. Velocities are read beside it: a linear function of the
    logarithms of a key's harmonics at the onset, by ridge regression.

    Parameters
    ----------
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
        Weights, for `describe`.
    """
    examples = list(examples)
    known = {"frequencies": frequencies, "frame": frame}
    state = learning.fit(OnsetsAndFrames, examples, isolated, **known, **options)
    levels, velocities = [], []
    for V, notes in examples:
        nearest = np.round(notes.onsets / frame).astype(int)
        is_there = np.isin(notes.pitches, PITCHES) & (nearest < V.shape[1])
        keys, nearest = (notes.pitches - PITCHES[0])[is_there], nearest[is_there]
        levels.append(_harmonic_levels(V, frequencies)[:, keys, nearest])
        velocities.append(notes.velocities[is_there] / 127)
    if not levels:
        return state
    A, b = np.concatenate(levels, 1).T, np.concatenate(velocities)
    gram = A.T @ A + 1e-6 * len(A) * np.eye(A.shape[1])
    return state | {VELOCITY: np.linalg.solve(gram, A.T @ b)}


def describe(
    V: np.ndarray, state: dict[str, np.ndarray], device: str = "cpu"
) -> tuple[np.ndarray, np.ndarray]:
    """Hear the notes of a recording, and how loud they are.

    Parameters
    ----------
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
    sounding, onset = learning.describe(OnsetsAndFrames, V, weights, device)
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


class _Head(nn.Module):
    """A logit for each key and frame (batch, 1, 88, T), by a GRU along time."""

    def __init__(self, channels):
        super().__init__()
        self.gru = nn.GRU(channels, HIDDEN, batch_first=True, bidirectional=True)
        self.logit = nn.Linear(2 * HIDDEN, 1)
        nn.init.constant_(self.logit.bias, -4.0)  # notes are rare

    def forward(self, x):
        n_keys = x.shape[2]
        in_time = x.permute(0, 2, 3, 1).flatten(0, 1)  # batch × 88, T, channels
        logits = self.logit(self.gru(in_time)[0])[..., 0]
        return logits.unflatten(0, (-1, n_keys))[:, None]
