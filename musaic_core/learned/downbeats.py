"""A small convolutional network that hears beats and downbeats.

It is made for few recordings and little time: it learns in three minutes of one core.
What few songs do not show, other tempi, meters, bands and rooms, is simulated: their
stems are mixed anew and disturbed, and music is made up (`musaic_core.learned.bands`).
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool1d

from musaic_core.learned import bands, disturb
from musaic_core.learned.training import load, train

LENGTH = 1000  # frames of an example
BATCH = 4  # examples a step
MADE_UP = 100  # pieces that are made up
CONTEXT = 120  # frames before and after that a band's mean is of
DILATIONS = (1, 2, 4, 8, 16, 32, 64, 128, 256)  # frames
BLOCK = 8192  # frames that are computed at once
REACH = 2 * sum(DILATIONS) + CONTEXT + 2  # frames around that an output depends on


class Piece(NamedTuple):
    """A recording to learn from.

    Parameters
    ----------
    stems : dict of str to ndarray of float32, shape (F, T)
        Magnitudes of each stem.
    beats : ndarray, shape (N,)
        In frames from the first, in order.
    is_downbeat : ndarray of bool, shape (N,)
        Whether a bar begins with the beat.
    """

    stems: dict[str, np.ndarray]
    beats: np.ndarray
    is_downbeat: np.ndarray


class DownbeatTCN(nn.Module):
    """Beats and downbeats of a mel spectrogram.

    1. The spectrogram is compressed by a logarithm, and the mean of each band over
       some seconds is taken from it: what an equaliser did goes with it.
    2. Convolutions over bands, every third one, make 64 of them one.
    3. Residual blocks look further and further away, up to ten seconds: a convolution
       of five frames, one to 256 apart, and one that mixes the channels.
    4. Three logits a frame: no beat, a beat, a downbeat.

    With 24 channels there are 38,375 parameters.

    Parameters
    ----------
    channels : int
        Of the residual blocks.

    References
    ----------
    Böck and Davis, "Deconstruct, analyse, reconstruct: how to improve tempo, beat, and
    downbeat estimation", ISMIR 2020.
    """

    def __init__(self, channels: int = 24):
        super().__init__()

        def fewer_bands(n_in, n_out, size):
            return (
                nn.Conv2d(n_in, n_out, size, (3, 1), (0, size[1] // 2), bias=False),
                nn.BatchNorm2d(n_out),
                nn.ELU(),
            )

        self.front = nn.Sequential(
            *fewer_bands(1, 8, (5, 3)),  # 64 bands to 20
            *fewer_bands(8, 16, (5, 3)),  # to 6
            *fewer_bands(16, channels, (6, 1)),  # to 1
        )
        self.blocks = nn.Sequential(*(Block(channels, d) for d in DILATIONS))
        self.head = nn.Conv1d(channels, 3, 1)

    def forward(self, V: Tensor) -> Tensor:
        """Hear beats.

        Parameters
        ----------
        V : Tensor of float32, shape (batch, 64, T)
            Magnitudes, of a root mean square of about 1.

        Returns
        -------
        Tensor, shape (batch, 3, T)
            Logits of no beat, a beat that is no downbeat, and a downbeat.
        """
        x = torch.log1p(30 * V)
        x = x - avg_pool1d(x, 2 * CONTEXT + 1, 1, CONTEXT, count_include_pad=False)
        return self.head(self.blocks(self.front(x[:, None])[:, :, 0]))


class Block(nn.Module):
    """Look away by some frames, and add what is found.

    Parameters
    ----------
    channels : int
    dilation : int
        Frames between the five that are looked at.
    """

    def __init__(self, channels: int, dilation: int):
        super().__init__()
        self.look = nn.Sequential(
            nn.Conv1d(
                *(channels, channels, 5),
                padding=2 * dilation,
                dilation=dilation,
                bias=False,
            ),
            nn.BatchNorm1d(channels),
            nn.ELU(),
            nn.Conv1d(channels, channels, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Look away.

        Parameters
        ----------
        x : Tensor, shape (batch, channels, T)

        Returns
        -------
        Tensor, shape (batch, channels, T)
        """
        return x + self.look(x)


def targets(beats: np.ndarray, is_downbeat: np.ndarray, n_frames: int) -> np.ndarray:
    """What the network is to answer.

    Parameters
    ----------
    beats : ndarray, shape (N,)
        In frames.
    is_downbeat : ndarray of bool, shape (N,)
    n_frames : int

    Returns
    -------
    ndarray of float32, shape (3, n_frames)
        Probabilities of no beat, a beat that is no downbeat, and a downbeat: 1 in the
        frame that is nearest to it, a half in those beside.
    """
    answer = np.zeros((3, n_frames), np.float32)
    for beat, kind in zip(np.round(beats).astype(int), 1 + is_downbeat, strict=True):
        for frame, share in ((beat - 1, 0.5), (beat, 1.0), (beat + 1, 0.5)):
            if 0 <= frame < n_frames:
                answer[kind, frame] = max(answer[kind, frame], share)
    answer[1:] /= np.maximum(answer[1:].sum(0), 1)
    answer[0] = 1 - answer[1:].sum(0)
    return answer


def fit(
    pieces: Iterable[Piece],
    *,
    frequencies: np.ndarray,
    frame: float,
    seed: int = 0,
    steps: int = 800,
    checkpoints: Path | None = None,
) -> dict[str, np.ndarray]:
    """Train the network.

    Parameters
    ----------
    pieces : iterable of Piece
        Recordings to learn from; without any, all that it hears is made up.
    frequencies : ndarray, shape (64,)
        Centre of each band, Hz.
    frame : float
        Time between frames, s.
    seed : int
        Of the weights at the start, and of all that is drawn.
    steps : int
        How long to train; 800 take some three minutes of one core.
    checkpoints : Path, optional
        Folder that the training is kept in while it lasts.

    Returns
    -------
    dict of str to ndarray
        Weights, for `describe`.
    """
    pieces, rng = list(pieces), np.random.default_rng(seed)
    made_up = [
        Piece(*bands.play(2 * LENGTH, frequencies, frame, rng)) for _ in range(MADE_UP)
    ]

    def example(rng):
        source = pieces if pieces and rng.random() < 0.5 else made_up
        piece = _at_another_pace(source[rng.integers(len(source))], rng)
        V = _mixed(piece[0], frequencies, rng)
        V = disturb.equalise(V, frequencies, rng)
        if rng.random() < 0.5:
            V = disturb.reverberate(V, frequencies, frame, rng)
        V = V / (np.sqrt(np.mean(V**2)) or 1)
        V = V * np.float32(10 ** (rng.uniform(-6, 6) / 20))
        V = disturb.add_noise(V, frequencies, rng, (-60.0, -15.0))
        return V.astype(np.float32), targets(*piece[1:], LENGTH)

    def draw(rng):
        batch = [example(rng) for _ in range(BATCH)]
        return [np.stack(arrays) for arrays in zip(*batch, strict=True)]

    def loss(logits, answer):
        return nn.functional.cross_entropy(logits, answer)

    return train(
        DownbeatTCN, draw, loss, steps=steps, seed=seed, checkpoints=checkpoints
    )


def _at_another_pace(piece, rng):
    """Part of a recording, faster or slower, at times with beats left out of its bars.

    Frames are interpolated, so that pitches stay.
    """
    first_beats = np.flatnonzero(piece.is_downbeat)
    meter = int(np.median(np.diff(first_beats))) if len(first_beats) > 1 else 1
    pace = np.exp(rng.uniform(np.log(0.65), np.log(1.5)))
    kept = np.ones(meter, bool)
    if meter > 2 and rng.random() < 0.3:
        kept[rng.integers(1, meter)] = False
    n_frames = next(iter(piece.stems.values())).shape[1]
    # where each frame of the result comes from: whole beats, each at the new pace
    parts, beats, is_downbeat, now, position = [], [], [], 0, 0
    ends = np.append(piece.beats[1:], n_frames - 1)
    start = rng.integers(max(1, len(piece.beats) - int(LENGTH * pace / 20)))
    for beat, end, is_first in list(
        zip(piece.beats, ends, piece.is_downbeat, strict=True)
    )[start:]:
        position = 0 if is_first else position + 1
        if position < meter and not kept[position]:
            continue
        length = (end - beat) / pace
        frames = np.arange(np.ceil(now), np.ceil(now + length))
        parts.append(beat + (frames - now) * pace)
        beats.append(now)
        is_downbeat.append(is_first)
        now += length
        if now > LENGTH:
            break
    origin = np.concatenate(parts)[:LENGTH].clip(0, n_frames - 1.001)
    low = origin.astype(int)
    share = (origin - low).astype(np.float32)
    stems = {}
    for name, V in piece.stems.items():
        V = (1 - share) * V[:, low] + share * V[:, low + 1]
        stems[name] = np.pad(V, [(0, 0), (0, LENGTH - V.shape[1])])
    return stems, np.array(beats), np.array(is_downbeat)


def _mixed(stems, frequencies, rng):
    """Stems at random gains, some of them silent; all but drums are transposed."""
    semitones = rng.uniform(-6, 6)
    chosen = [name for name in stems if rng.random() > 0.25]
    chosen = chosen or [[*stems][rng.integers(len(stems))]]
    parts = []
    for name in chosen:
        V = stems[name]
        if name != "drums":
            V = disturb.transpose(V, frequencies, semitones)
        parts.append(V * np.float32(10 ** (rng.uniform(-15, 5) / 20)))
    return disturb.mix(*parts)


def describe(V: np.ndarray, state: dict[str, np.ndarray]) -> np.ndarray:
    """Hear the beats of a recording.

    Parameters
    ----------
    V : ndarray, shape (64, T)
        Magnitudes, as those that `fit` was given.
    state : dict of str to ndarray
        What `fit` gave.

    Returns
    -------
    ndarray of float32, shape (2, T)
        Probabilities of a beat that is no downbeat, and of a downbeat.
    """
    network, heard = load(DownbeatTCN(), state), []
    V = torch.tensor(V / (np.sqrt(np.mean(V**2)) or 1), dtype=torch.float32)
    with torch.no_grad():
        for first in range(0, V.shape[1], BLOCK):
            start = max(0, first - REACH)
            block = network(V[None, :, start : first + BLOCK + REACH])[0]
            heard.append(block[:, first - start :][:, :BLOCK])
    return torch.softmax(torch.cat(heard, 1), 0)[1:].numpy()
