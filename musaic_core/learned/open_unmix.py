"""A small BLSTM that separates stems; `musaic_core.learned.masks` trains it."""

import numpy as np
import torch
from torch import Tensor, nn

from musaic_core.learned.masks import Bands

WIDTH = 96  # numbers that a frame is described by


class OpenUnmix(nn.Module):
    """Masks of stems, from a magnitude spectrogram.

    1. Rows are gathered to `Bands` and compressed by a logarithm; each band has a gain
       and an offset of its own. A layer makes them 96 numbers a frame.
    2. Two bidirectional LSTMs of 48 units each way look at all frames, and what they
       were given is put beside what they find.
    3. Two layers give a logit for each stem and band. They are interpolated to the
       rows, and a softmax over the stems makes them masks.

    It is the network as published but for its size, its bands, and that one finds all
    stems; theirs have 9 million numbers a stem.

    Parameters
    ----------
    frequencies : ndarray, shape (F,)
        Centre of each row of the spectrogram, Hz, equally spaced.
    n_stems : int

    References
    ----------
    Stöter, Uhlich, Liutkus and Mitsufuji, "Open-Unmix: a reference implementation for
    music source separation", Journal of Open Source Software 4 (41), 2019.
    """

    def __init__(self, frequencies: np.ndarray, n_stems: int):
        super().__init__()
        self.bands = Bands(frequencies)
        n_bands = self.bands.n_bands
        self.offset = nn.Parameter(torch.zeros(n_bands, 1))
        self.gain = nn.Parameter(torch.ones(n_bands, 1))
        self.before = _layer(n_bands, WIDTH, nn.Tanh())
        half = WIDTH // 2
        self.lstm = nn.LSTM(WIDTH, half, 2, batch_first=True, bidirectional=True)
        self.after = _layer(2 * WIDTH, WIDTH, nn.ReLU())
        self.head = nn.Conv1d(WIDTH, n_stems * n_bands, 1)

    def forward(self, V: Tensor) -> Tensor:
        """Find masks.

        Parameters
        ----------
        V : Tensor of float32, shape (batch, F, T)
            Magnitudes of a root mean square of about 1.

        Returns
        -------
        Tensor, shape (batch, stems, F, T)
            From 0 to 1; those of all stems sum to 1.
        """
        x = self.before((self.bands(V) + self.offset) * self.gain)
        found = self.lstm(x.transpose(1, 2))[0].transpose(1, 2)
        x = self.head(self.after(torch.cat([x, found], 1)))
        logits = x.unflatten(1, (-1, self.bands.n_bands))
        return torch.softmax(self.bands.to_rows(logits), 1)


def _layer(n_in, n_out, activation):
    """A layer that sees one frame at a time."""
    return nn.Sequential(
        nn.Conv1d(n_in, n_out, 1, bias=False), nn.BatchNorm1d(n_out), activation
    )
