"""A small frequency-time transformer of notes, which `velocities` trains."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from musaic_core.learned.note_cnn import HARMONICS
from musaic_core.learned.notes import BINS, PITCHES, HarmonicStack

WIDTH = 32
# by how much less each head heeds what is a place further on; negative: further back
SLOPES = (0.5, 1 / 30, -1 / 30, -0.5)
MARGIN = 4  # frames to either side that the convolution reads
IN_TIME = 60  # frames to either side that attention looks at: with these, `REACH`
CHUNK = 172  # frames that look around at once, however many there are: saves memory


class HFT(nn.Module):
    """Onsets and frames of 88 pitches, by attention over pitches, and then over time.

    1. The spectrogram is read at each pitch and its harmonics: `HarmonicStack`. A
       convolution over 5 bins and `MARGIN` frames to either side, every third bin,
       makes `WIDTH` numbers of each.
    2. In each frame, by itself, each of these looks at all the others.
    3. A query for each key, added to what is heard there, looks at all of them: a first
       answer.
    4. Each key, by itself, looks at the frames around. What that tells is added to the
       first answer.

    Toyama et al. have 256 bands with 32 frames to either side, three layers of each
    kind of attention with 256 channels, and 5.5 million parameters; here is one of
    each kind, and what a harmonic is need not be learned. They add to each frame where
    it is; here heads heed distances, so that what is heard does not depend on where a
    recording begins. They minimise the losses of both answers, here it is that of
    their sum. There are 49,060 parameters.

    Parameters
    ----------
    frequencies : ndarray, shape (F,)
        Centre of each band of the spectrogram, Hz, increasing.

    References
    ----------
    Toyama et al., "Automatic piano transcription with hierarchical frequency-time
    transformer", ISMIR 2023. Vaswani et al., "Attention is all you need", NIPS 2017.
    Press, Smith and Lewis, "Train short, test long: attention with linear biases
    enables input length extrapolation", ICLR 2022 (heads that heed distances). Xiong et
    al., "On layer normalization in the transformer architecture", ICML 2020 (it comes
    first).
    """

    def __init__(self, frequencies: np.ndarray):
        super().__init__()
        self.harmonics = HarmonicStack(frequencies, HARMONICS)
        self.embedding = nn.Conv2d(
            len(HARMONICS),
            WIDTH,
            (5, 2 * MARGIN + 1),
            (BINS, 1),
            padding=(1, MARGIN),
            bias=False,
        )
        self.norm = nn.BatchNorm2d(WIDTH)
        # which key is asked for, and which is heard
        self.queries, self.places = (
            nn.Parameter(torch.randn(len(PITCHES), WIDTH) / 4) for _ in range(2)
        )
        self.in_frequency = _Attention(len(PITCHES))
        self.to_pitches = _Attention(len(PITCHES))
        self.in_time = _Attention(IN_TIME)
        self.first, self.second = (
            nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 2)) for _ in range(2)
        )
        nn.init.constant_(self.first[1].bias, -4.0)  # notes are rare

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
        heard = torch.relu(self.norm(self.embedding(self.harmonics(V))))
        frames = heard.permute(0, 3, 2, 1).flatten(0, 1)  # batch × T, 88, channels
        frames = self.in_frequency(frames + self.places)
        keys = self.to_pitches(frames + self.queries, frames)
        keys = keys.unflatten(0, (len(V), -1)).transpose(1, 2).flatten(0, 1)
        logits = self.first(keys) + self.second(self.in_time(keys))
        return logits.unflatten(0, (len(V), -1)).permute(0, 3, 1, 2)


class _Attention(nn.Module):
    """Attention to others, or among themselves, and two dense layers: both added.

    What is at most `reach` places away is looked at: by two heads what comes before,
    or is lower, by the others what comes after. One of each heeds what is near.
    """

    def __init__(self, reach):
        super().__init__()
        self.reach = reach
        self.norm, self.norm_seen, self.norm_dense = (
            nn.LayerNorm(WIDTH) for _ in range(3)
        )
        self.query, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(2))
        self.seen = nn.Linear(WIDTH, 2 * WIDTH)
        self.dense = nn.Sequential(
            nn.Linear(WIDTH, 2 * WIDTH), nn.ReLU(), nn.Linear(2 * WIDTH, WIDTH)
        )

    def forward(self, x, others=None):
        """Add what is seen to x (batch, n, `WIDTH`)."""
        others = self.norm_seen(x if others is None else others)
        q, k, v = (
            a.unflatten(-1, (len(SLOPES), -1)).transpose(1, 2)
            for a in (self.query(self.norm(x)), *self.seen(others).chunk(2, -1))
        )
        place = torch.arange(x.shape[1], device=x.device)
        slopes = torch.tensor(SLOPES, device=x.device)[:, None, None]
        found = []
        for first in range(0, len(place), CHUNK):
            here = slice(first, first + CHUNK)
            near = slice(max(0, first - self.reach), first + CHUNK + self.reach)
            away = place[near] - place[here, None]
            bias = -slopes * away  # a head looks where this is at most 0
            is_seen = (bias <= 0) & (away.abs() <= self.reach)
            bias = bias.masked_fill(~is_seen, -torch.inf)[None].to(q.dtype)
            q_k_v = q[..., here, :], k[..., near, :], v[..., near, :]
            found.append(scaled_dot_product_attention(*q_k_v, bias))
        x = x + self.out(torch.cat(found, 2).transpose(1, 2).flatten(2))
        return x + self.dense(self.norm_dense(x))
