"""A small Open-Unmix that separates stems; `musaic_core.learned.masks` trains it."""

import numpy as np
import torch
from torch import Tensor, nn

from musaic_core.learned.masks import Bands

WIDTH = 96  # of each layer
LAYERS = 2  # of the recurrent network
DROPPED = 0.4  # share of what goes from one of them to the next, in training


class OpenUnmix(nn.Module):
    """Masks of stems, from a magnitude spectrogram, by a recurrent network.

    1. Rows are gathered to `Bands` and compressed by a logarithm. Each band is brought
       to a mean and a deviation that are learned from the data.
    2. A dense layer, frame by frame, then LSTMs in both directions of time.
    3. What went into these and what comes out are put side by side. Two dense layers
       give a logit for each stem and band. They are interpolated to the rows, and a
       softmax over the stems makes them masks.

    With four stems there are 225,714 parameters. A mask depends on all that is computed
    at once. Open-Unmix has a network of nine million parameters for each stem, whose
    masks need not sum to 1.

    Parameters
    ----------
    frequencies : ndarray, shape (F,)
        Centre of each row of the spectrogram, Hz, equally spaced.
    n_stems : int

    References
    ----------
    Stöter, Uhlich, Liutkus and Mitsufuji, "Open-Unmix – a reference implementation for
    music source separation", Journal of Open Source Software 4 (41), 2019.
    """

    def __init__(self, frequencies: np.ndarray, n_stems: int):
        super().__init__()
        self.bands = Bands(frequencies)
        n_bands = self.bands.n_bands
        self.encode = nn.Sequential(
            nn.BatchNorm1d(n_bands), *_dense(n_bands, WIDTH), nn.Tanh()
        )
        self.recur = nn.LSTM(
            *(WIDTH, WIDTH // 2, LAYERS),
            batch_first=True,
            dropout=DROPPED,
            bidirectional=True,
        )
        self.decode = nn.Sequential(
            *_dense(2 * WIDTH, WIDTH),
            nn.ReLU(),
            nn.Conv1d(WIDTH, n_stems * n_bands, 1),
            nn.Unflatten(1, (n_stems, n_bands)),
        )

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
        return torch.softmax(self.logits(V), 1)

    def logits(self, V: Tensor) -> Tensor:
        """Compute what masks are made of.

        Parameters
        ----------
        V : Tensor of float32, shape (batch, F, T)

        Returns
        -------
        Tensor, shape (batch, stems, F, T)
        """
        x = self.encode(self.bands(V))
        around, _ = self.recur(x.mT)
        x = self.decode(torch.cat([x, around.mT], 1))
        return self.bands.to_rows(x)


def _dense(n_in, n_out):
    """A dense layer, frame by frame, and what normalises it."""
    return nn.Conv1d(n_in, n_out, 1, bias=False), nn.BatchNorm1d(n_out)
