"""Training of networks that hear notes in a spectrogram.

They are made for few recordings and little time: they learn in minutes on a laptop from
what a benchmark offers for training. What such material does not show, other
instruments, rooms, microphones and chords, is simulated by `disturb`.

A network is a class that is called with the frequencies of the bands, and whose
``forward`` takes spectrograms (batch, F, T) as `normalise` gives them. It gives logits
(batch, n, 88, T) of notes that sound (n = 1), or of onsets and notes that sound (2).
"""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool1d, binary_cross_entropy_with_logits

from musaic_core.data.notes import Notes
from musaic_core.learned import disturb
from musaic_core.learned.training import load, train

PITCHES = np.arange(21, 109)  # MIDI numbers of the piano's keys
BINS = 3  # in a semitone of the networks' own frequency axis
LENGTH = 172  # frames of an example
BATCH = 2  # examples a step: many small steps learn faster than few large ones
CHORDS = 0.35  # share of examples that are chords of isolated notes
ONSET_WEIGHT = 10.0  # of the onsets' loss beside the frames', which is larger
BLOCK = 4096  # frames that are heard at once
REACH = 64  # frames before and after them that are looked at, of all networks


class HarmonicStack(nn.Module):
    """A spectrogram, read at each pitch and its harmonics: one channel a harmonic.

    It is compressed by a logarithm, and each band is compared with the mean of those
    around it: what an equaliser did goes with it. There are `BINS` bins a semitone: one
    on each pitch, and those a third of a semitone below and above.

    Parameters
    ----------
    frequencies : ndarray, shape (F,)
        Centre of each band of the spectrogram, Hz, increasing.
    harmonics : sequence of float
        Multiples of a pitch's frequency.

    References
    ----------
    Bittner et al., "Deep salience representations for F0 estimation in polyphonic
    music", ISMIR 2017.
    """

    def __init__(self, frequencies: np.ndarray, harmonics):
        super().__init__()
        bins = (np.arange(BINS * len(PITCHES)) - 1) / BINS + PITCHES[0]
        wanted = 440 * 2 ** ((bins - 69) / 12) * np.array(harmonics)[:, None]
        place = np.interp(wanted, frequencies, np.arange(len(frequencies)))
        band = np.minimum(place.astype(int), len(frequencies) - 2)
        is_heard = (frequencies[0] / 1.1 < wanted) & (wanted <= frequencies[-1])
        share = (place - band)[..., None]
        self.register_buffer("_band", torch.tensor(band), persistent=False)
        for name, weight in (("_lower", 1 - share), ("_upper", share)):
            weight = torch.tensor(weight * is_heard[..., None], dtype=torch.float32)
            self.register_buffer(name, weight, persistent=False)

    def forward(self, V: Tensor) -> Tensor:
        """Read a spectrogram.

        Parameters
        ----------
        V : Tensor of float32, shape (batch, F, T)
            As `normalise` gives them.

        Returns
        -------
        Tensor, shape (batch, harmonics, 264, T)
        """
        x = torch.log1p(1000 * V) / 3.5  # from -60 dB up
        around = avg_pool1d(
            x.transpose(1, 2), 49, 1, 24, count_include_pad=False
        ).transpose(1, 2)
        x = x - 0.8 * around
        return self._lower * x[:, self._band] + self._upper * x[:, self._band + 1]


def normalise(V: np.ndarray) -> np.ndarray:
    """Divide a spectrogram by its loudness, so that no gain matters.

    Parameters
    ----------
    V : ndarray, shape (F, T)

    Returns
    -------
    ndarray of float32, shape (F, T)
        The strongest band of a loud frame is 1: of one that is louder than 95 % of
        the frames.
    """
    loudness = np.quantile(V.max(0), 0.95) or V.max() or 1.0
    return (V / loudness).astype(np.float32)


def piano_rolls(notes: Notes, n_frames: int, frame: float) -> np.ndarray:
    """What the network is to answer.

    Parameters
    ----------
    notes : Notes
    n_frames : int
    frame : float
        Time between frames, s.

    Returns
    -------
    ndarray of float32, shape (2, 88, n_frames)
        Onsets: 1 in the frame nearest to each and, as far as the onset is away from
        it, less in the frames beside, so that a parabola through the three has its
        maximum at the onset. Notes that sound: 1 from onset to offset.
    """
    onset, sounding = rolls = np.zeros((2, len(PITCHES), n_frames), np.float32)
    for (start, end), pitch in zip(notes.intervals / frame, notes.pitches, strict=True):
        if pitch not in PITCHES:
            continue
        key, nearest = pitch - PITCHES[0], round(start)
        near = np.arange(max(0, nearest - 1), min(n_frames, nearest + 2))
        closeness = np.clip(1.5 - np.abs(near - start), 0, 1)
        onset[key, near] = np.maximum(onset[key, near], closeness)
        sounding[key, max(0, nearest) : max(0, nearest + 1, round(end))] = 1
    return rolls


def fit(
    network: Callable[[np.ndarray], nn.Module],
    examples: Iterable[tuple[np.ndarray, Notes]],
    isolated: Iterable[tuple[np.ndarray, Notes]] = (),
    *,
    frequencies: np.ndarray,
    frame: float,
    **options,
) -> dict[str, np.ndarray]:
    """Train the network.

    Parameters
    ----------
    network : callable
        Makes the network, given the frequencies of the bands.
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

    Raises
    ------
    ValueError
        There is nothing to learn from.
    """
    recordings = [
        (normalise(V), piano_rolls(notes, V.shape[1], frame)) for V, notes in examples
    ]
    singles = disturb.single_notes(isolated, frame)
    if not recordings and not singles:
        raise ValueError("there are neither examples nor isolated notes to learn from")

    def clean(rng):
        if not recordings or (singles and rng.random() < CHORDS):
            V, notes = disturb.chords(singles, LENGTH, frame, rng)
            return V, piano_rolls(notes, LENGTH, frame)
        V, rolls = recordings[rng.integers(len(recordings))]
        first = rng.integers(max(1, V.shape[1] - LENGTH + 1))
        V, rolls = (a[..., first : first + LENGTH] for a in (V, rolls))
        missing = [(0, 0), (0, LENGTH - V.shape[1])]
        return np.pad(V, missing), np.pad(rolls, [(0, 0), *missing])

    def example(rng):
        V, rolls = clean(rng)
        semitones = rng.integers(-4, 5)
        V = disturb.transpose(V, frequencies, semitones + rng.normal(0, 0.07))
        rolls = np.roll(rolls, semitones, axis=1)
        beyond = slice(semitones, None) if semitones < 0 else slice(0, semitones)
        rolls[:, beyond] = 0
        V = disturb.equalise(V, frequencies, rng)
        if rng.random() < 0.6:
            V = disturb.reverberate(V, frequencies, frame, rng)
        V = V * np.float32(10 ** (rng.uniform(-15, 5) / 20))
        return disturb.add_noise(V, frequencies, rng), rolls

    def draw(rng):
        batch = [example(rng) for _ in range(BATCH)]
        return [np.stack(arrays) for arrays in zip(*batch, strict=True)]

    def loss(logits, rolls):
        if logits.shape[1] == 1:  # who hears no onsets hears a gap before each
            is_gap = nn.functional.pad(rolls[:, :1, :, 1:], (0, 1)) == 1
            rolls = rolls[:, 1:] * ~is_gap
        errors = binary_cross_entropy_with_logits(logits, rolls, reduction="none")
        *onset, sounding = errors.mean((0, 2, 3))
        return ONSET_WEIGHT * sum(onset) + sounding

    state = train(lambda: network(frequencies), draw, loss, **options)
    return state | {"frequencies": np.asarray(frequencies)}


def describe(
    network: Callable[[np.ndarray], nn.Module],
    V: np.ndarray,
    state: dict[str, np.ndarray],
    device: str = "cpu",
) -> tuple[np.ndarray, np.ndarray | None]:
    """Hear the notes of a recording.

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
    sounding : ndarray of float32, shape (88, T)
        Probabilities that each pitch sounds in a frame.
    onset : ndarray of float32, shape (88, T), or None
        Probabilities that it begins in a frame, which peak in the one nearest to the
        onset; None if the network hears no onsets.
    """
    weights = {name: array for name, array in state.items() if name != "frequencies"}
    built = load(network(state["frequencies"]), weights, device)
    V, heard = normalise(V), []
    for first in range(0, V.shape[1], BLOCK):
        start = max(0, first - REACH)
        block = torch.tensor(V[None, :, start : first + BLOCK + REACH], device=device)
        with torch.no_grad():
            p = torch.sigmoid(built(block)[0]).cpu().numpy()
        heard.append(p[..., first - start :][..., :BLOCK])
    *onset, sounding = np.concatenate(heard, -1)
    return sounding, (onset[0] if onset else None)
