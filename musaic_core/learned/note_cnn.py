"""A small convolutional network that hears notes, which `notes` trains."""

import numpy as np
import torch
from torch import Tensor, nn

from musaic_core.learned.notes import BINS, HarmonicStack

HARMONICS = (0.5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12)


class NoteCNN(nn.Module):
    """Onsets and frames of 88 pitches, from a magnitude spectrogram.

    1. The spectrogram is read at each pitch and its harmonics: `HarmonicStack`.
    2. A convolution of 5 bins × 5 frames, every third bin, makes it 88 pitches.
    3. Three `Block` look around: 5 frames, which are 3 frames apart in the second and 9
       in the third; octaves; the neighbouring pitches and frames.
    4. A convolution over 3 frames gives two logits for each pitch and frame.

    An output depends on 32 frames to either side. With 32 channels there are 62,466
    parameters. Channels lie side by side in memory, which saves a quarter of the time.

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

    def __init__(self, frequencies: np.ndarray, channels: int = 32):
        super().__init__()
        self.harmonics = HarmonicStack(frequencies, HARMONICS)
        self.stack = nn.Sequential(
            nn.Conv2d(
                len(HARMONICS), channels, 5, (BINS, 1), padding=(1, 2), bias=False
            ),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )
        self.blocks = nn.Sequential(*(Block(channels, n) for n in (1, 3, 9)))
        self.heads = nn.Conv2d(channels, 2, (1, 3), padding=(0, 1))
        nn.init.constant_(self.heads.bias, -4.0)  # notes are rare
        self.to(memory_format=torch.channels_last)

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
        heard = self.harmonics(V).contiguous(memory_format=torch.channels_last)
        return self.heads(self.blocks(self.stack(heard)))


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
