"""A small frequency-time transformer of notes, which `velocities` trains."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from musaic_core.learned.note_cnn import HARMONICS
from musaic_core.learned.notes import BINS, LENGTH, PITCHES, HarmonicStack

WIDTH, HEADS = 32, 2
LONGEST = 10_000  # frames, of the slowest of the waves that tell where something is


class HFT(nn.Module):
    """Onsets and frames of 88 pitches, by attention over pitches, and then over time.

    1. The spectrogram is read at each pitch and its harmonics: `HarmonicStack`. A
       convolution of 5 bins × 5 frames, every third bin, makes 32 numbers of each.
    2. In each frame, by itself, each of these looks at all the others.
    3. A query for each key looks at all of them: a first answer.
    4. Each key, by itself, looks at the frames around, at as many as an example of its
       training has. What that tells is added to the first answer.

    Toyama et al. have 256 bands with a window of 65 frames, three layers of each kind
    of attention with 256 channels and four heads, and 5.5 million parameters; here is
    one of each kind, and what a harmonic is need not be learned. They minimise the
    losses of both answers, here it is that of their sum. There are 38,564 parameters.

    Parameters
    ----------
    frequencies : ndarray, shape (F,)
        Centre of each band of the spectrogram, Hz, increasing.

    References
    ----------
    Toyama et al., "Automatic piano transcription with hierarchical frequency-time
    transformer", ISMIR 2023. Vaswani et al., "Attention is all you need", NIPS 2017
    (attention, and waves that tell places). Xiong et al., "On layer normalization in
    the transformer architecture", ICML 2020 (normalisation before each layer).
    """

    def __init__(self, frequencies: np.ndarray):
        super().__init__()
        self.harmonics = HarmonicStack(frequencies, HARMONICS)
        self.embedding = nn.Conv2d(
            len(HARMONICS), WIDTH, 5, (BINS, 1), padding=(1, 2), bias=False
        )
        self.norm = nn.BatchNorm2d(WIDTH)
        self.queries = nn.Parameter(_waves(len(PITCHES)))
        self.register_buffer("_keys", _waves(len(PITCHES)), persistent=False)
        self.in_frequency = _Layer()
        self.to_pitches = _Layer()
        self.in_time = _Layer()
        self.first, self.second = (_Logits() for _ in range(2))
        nn.init.constant_(self.first.logits.bias, -4.0)  # notes are rare

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
        n, n_frames = len(V), V.shape[2]
        heard = torch.relu(self.norm(self.embedding(self.harmonics(V))))
        frames = heard.permute(0, 3, 2, 1).flatten(0, 1)  # n × T, 88, channels
        frames = self.in_frequency(frames + self._keys)
        keys = self.to_pitches(self.queries.expand(len(frames), -1, -1), frames)
        keys = keys.unflatten(0, (n, n_frames)).transpose(1, 2).flatten(0, 1)
        logits = self.first(keys) + self.second(self._around(keys))
        return logits.unflatten(0, (n, len(PITCHES))).permute(0, 3, 1, 2)

    def _around(self, keys):
        """Attention in time (n × 88, T, `WIDTH`), in windows that overlap by half.

        The middle half of each counts, and all of the first and the last up to there.
        """
        n_frames, half = keys.shape[1], LENGTH // 2
        size = min(LENGTH, n_frames)
        frame = torch.arange(n_frames, device=keys.device)
        start = (frame // half * half - half // 2).clamp(0, n_frames - size)
        starts, window = start.unique(return_inverse=True)
        windows = keys[:, starts[:, None] + frame[:size]] + _waves(size).to(keys)
        seen = self.in_time(windows.flatten(0, 1)).unflatten(0, windows.shape[:2])
        return seen[:, window, frame - start]


class _Layer(nn.Module):
    """Attention to others, or among themselves, and two dense layers: both added."""

    def __init__(self):
        super().__init__()
        self.norm, self.norm_seen, self.norm_dense = (
            nn.LayerNorm(WIDTH) for _ in range(3)
        )
        self.query, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(2))
        self.seen = nn.Linear(WIDTH, 2 * WIDTH)
        self.dense = nn.Sequential(
            nn.Linear(WIDTH, 2 * WIDTH), nn.ReLU(), nn.Linear(2 * WIDTH, WIDTH)
        )

    def forward(self, x, others=None):
        others = self.norm_seen(x if others is None else others)
        key, value = self.seen(others).chunk(2, -1)
        q, k, v = (
            a.unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for a in (self.query(self.norm(x)), key, value)
        )
        found = scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = x + self.out(found)
        return x + self.dense(self.norm_dense(x))


class _Logits(nn.Module):
    """Two logits for each key and frame."""

    def __init__(self):
        super().__init__()
        self.norm, self.logits = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 2)

    def forward(self, x):
        return self.logits(self.norm(x))


def _waves(n):
    """Where each of n things is, told by sines and cosines: (n, `WIDTH`)."""
    rates = LONGEST ** -(torch.arange(0, WIDTH, 2) / WIDTH)
    phases = torch.arange(n)[:, None] * rates
    return torch.cat([phases.sin(), phases.cos()], 1)
