"""A small convolutional network that hears notes in a spectrogram.

It is made for few recordings and little time: it learns in minutes on a laptop from
what a benchmark offers for training. What such material does not show, other
instruments, rooms, microphones and chords, is simulated by `disturb`.
"""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool1d, binary_cross_entropy_with_logits

from musaic_core.data.notes import Notes
from musaic_core.learned import disturb
from musaic_core.learned.training import load, train

PITCHES = np.arange(21, 109)  # MIDI numbers of the piano's keys
BINS = 3  # in a semitone of the network's own frequency axis
HARMONICS = (0.5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12)
LENGTH = 172  # frames of an example
BATCH = 2  # examples a step: many small steps learn faster than few large ones
CHORDS = 0.35  # share of examples that are chords of isolated notes
ONSET_WEIGHT = 10.0  # of the onsets' loss beside the frames', which is larger


class NoteCNN(nn.Module):
    """Onsets and frames of 88 pitches, from a magnitude spectrogram.

    1. The spectrogram is compressed by a logarithm, and each band is compared with
       the mean of those around it.
    2. It is read at each pitch and its harmonics, in `BINS` bins a semitone: one
       channel a harmonic, 264 bins. A convolution of 5 bins × 5 frames, every third
       bin, makes it 88 pitches.
    3. Two `Block` look around: 5 frames, 3 frames apart in the second; octaves; the
       neighbouring pitches and frames.
    4. A convolution over 3 frames gives two logits for each pitch and frame.

    An output depends on 13 frames to either side. With 24 channels there are 27,170
    parameters.

    Parameters
    ----------
    frequencies : ndarray, shape (F,)
        Centre of each band of the spectrogram, Hz, increasing.
    channels : int
        Of each layer.

    References
    ----------
    Bittner et al., "Deep salience representations for F0 estimation in polyphonic
    music", ISMIR 2017 (harmonics as channels). Hawthorne et al., "Onsets and frames:
    dual-objective piano transcription", ISMIR 2018. Bittner et al., "A lightweight
    instrument-agnostic model for polyphonic note transcription and multipitch
    estimation", ICASSP 2022.
    """

    def __init__(self, frequencies: np.ndarray, channels: int = 24):
        super().__init__()
        # each pitch has a bin on it and one to either side, a third of a semitone away
        bins = (np.arange(BINS * len(PITCHES)) - 1) / BINS + PITCHES[0]
        wanted = 440 * 2 ** ((bins - 69) / 12) * np.array(HARMONICS)[:, None]
        place = np.interp(wanted, frequencies, np.arange(len(frequencies)))
        band = np.minimum(place.astype(int), len(frequencies) - 2)
        is_heard = (frequencies[0] / 1.1 < wanted) & (wanted <= frequencies[-1])
        share = (place - band)[..., None]
        self.register_buffer("frequencies", torch.tensor(frequencies))
        self.register_buffer("_band", torch.tensor(band), persistent=False)
        for name, weight in (("_lower", 1 - share), ("_upper", share)):
            weight = torch.tensor(weight * is_heard[..., None], dtype=torch.float32)
            self.register_buffer(name, weight, persistent=False)
        self.stack = nn.Sequential(
            nn.Conv2d(
                len(HARMONICS), channels, 5, (BINS, 1), padding=(1, 2), bias=False
            ),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )
        self.blocks = nn.Sequential(Block(channels, 1), Block(channels, 3))
        self.heads = nn.Conv2d(channels, 2, (1, 3), padding=(0, 1))
        nn.init.constant_(self.heads.bias, -4.0)  # notes are rare

    def forward(self, V: Tensor) -> Tensor:
        """Hear notes.

        Parameters
        ----------
        V : Tensor of float32, shape (batch, F, T)
            Spectrograms as `normalise` gives them.

        Returns
        -------
        Tensor, shape (batch, 2, 88, T)
            Logits of an onset, and of a note that sounds.
        """
        x = torch.log1p(1000 * V) / 3.5  # from -60 dB up
        around = avg_pool1d(
            x.transpose(1, 2), 49, 1, 24, count_include_pad=False
        ).transpose(1, 2)
        x = x - 0.8 * around  # what an equaliser did goes with it
        x = self._lower * x[:, self._band] + self._upper * x[:, self._band + 1]
        return self.heads(self.blocks(self.stack(x)))


class Block(nn.Module):
    """Look at other times and octaves, then around, and add what is found.

    Parameters
    ----------
    channels : int
    dilation : int
        Frames between the five that are looked at.
    """

    def __init__(self, channels: int, dilation: int):
        super().__init__()

        def convolution(size, dilation):
            padding = tuple(n // 2 * d for n, d in zip(size, dilation, strict=True))
            return nn.Conv2d(channels, channels, size, 1, padding, dilation, bias=False)

        self.time = convolution((1, 5), (1, dilation))
        self.octave = convolution((3, 1), (12, 1))
        self.near = convolution((3, 3), (1, 1))
        self.norm_far, self.norm_near = (nn.BatchNorm2d(channels) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """Look around.

        Parameters
        ----------
        x : Tensor, shape (batch, channels, 88, T)

        Returns
        -------
        Tensor, shape (batch, channels, 88, T)
        """
        far = torch.relu(self.norm_far(self.time(x) + self.octave(x)))
        return torch.relu(x + self.norm_near(self.near(far)))


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
    examples : iterable of (ndarray of float32, shape (F, T), Notes)
        Magnitude spectrogram and notes of each recording to learn from.
    isolated : iterable of (ndarray of float32, shape (F, T), Notes)
        The same of recordings whose notes sound one at a time.
    frequencies : ndarray, shape (F,)
        Centre of each band, Hz.
    frame : float
        Time between frames, s.
    **options
        As `train` takes them: steps, minutes, seed, device, checkpoints. 1800 steps
        take some four minutes of one core.

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
        errors = binary_cross_entropy_with_logits(logits, rolls, reduction="none")
        onset, sounding = errors.mean((0, 2, 3))
        return ONSET_WEIGHT * onset + sounding

    return train(lambda: NoteCNN(frequencies), draw, loss, **options)


def describe(
    V: np.ndarray, state: dict[str, np.ndarray], device: str = "cpu"
) -> tuple[np.ndarray, np.ndarray]:
    """Hear the notes of a recording.

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
    onset, frame : ndarray of float32, shape (88, T)
        Probabilities that each pitch begins in a frame, and that it sounds. The onset
        probability peaks in the frame nearest to the onset.
    """
    network = load(NoteCNN(state["frequencies"]), state, device)
    with torch.no_grad():
        logits = network(torch.tensor(normalise(V), device=device)[None])
    onset, frame = torch.sigmoid(logits[0]).cpu().numpy()
    return onset, frame
