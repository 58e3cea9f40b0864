"""A small network of onsets and frames, which `velocities` trains."""

import numpy as np
import torch
from torch import Tensor, nn

from musaic_core.learned.note_cnn import HARMONICS, Block
from musaic_core.learned.notes import BINS, HarmonicStack

CHANNELS, HIDDEN = 24, 16  # of convolutions, and of each direction of the GRUs


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
