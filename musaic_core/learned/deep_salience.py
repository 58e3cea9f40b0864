"""Pitch salience by convolutions over harmonics, which `notes` trains.

There are five kinds, by the blocks that the network is built of.
"""

import numpy as np
import torch
from torch import Tensor, nn

from musaic_core.learned.notes import BINS, HarmonicStack

HARMONICS = (0.5, 1, 2, 3, 4, 5)
CHANNELS = 24
WIDTHS = (CHANNELS, 32, 48)  # channels of the U-Net's sizes


class DeepSalience(nn.Module):
    """How likely each pitch sounds in each frame, from a magnitude spectrogram.

    1. The spectrogram is read at each pitch and its harmonics: `HarmonicStack`.
    2. A convolution of 5 bins × 5 frames, every third bin, makes it 88 pitches.
    3. A body of one of the kinds in `BODIES` looks around.
    4. A convolution of 15 pitches × 3 frames, so that octaves are told apart, and one
       of 1 × 1 give a logit for each pitch and frame.

    Parameters
    ----------
    frequencies : ndarray, shape (F,)
        Centre of each band of the spectrogram, Hz, increasing.
    block : str
        Of the body: one of `BODIES`.

    References
    ----------
    Bittner et al., "Deep salience representations for F0 estimation in polyphonic
    music", ISMIR 2017.
    """

    def __init__(self, frequencies: np.ndarray, block: str = "plain"):
        super().__init__()
        self.layers = nn.Sequential(
            HarmonicStack(frequencies, HARMONICS),
            _convolution(len(HARMONICS), CHANNELS, 5, stride=(BINS, 1), padding=(1, 2)),
            BODIES[block](),
            _convolution(CHANNELS, 8, (15, 3)),
            nn.Conv2d(8, 1, 1),
        )
        nn.init.constant_(self.layers[-1].bias, -4.0)  # notes are rare

    def forward(self, V: Tensor) -> Tensor:
        """Hear which pitches sound.

        Parameters
        ----------
        V : Tensor of float32, shape (batch, F, T)
            Spectrograms as `musaic_core.learned.notes.normalise` gives them.

        Returns
        -------
        Tensor, shape (batch, 1, 88, T)
            Logits.
        """
        return self.layers(V)


def _convolution(n_in, n_out, size, **options):
    """A convolution that keeps the size, unless told otherwise, and a rectifier."""
    options = {"padding": "same"} | options
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, size, bias=False, **options),
        nn.BatchNorm2d(n_out),
        nn.ReLU(),
    )


def _plain():
    """As Bittner et al. have it after their first layer: 5 × 5, 3 × 3, 3 × 3."""
    return nn.Sequential(*(_convolution(CHANNELS, CHANNELS, n) for n in (5, 3, 3)))


def _separable():
    """The same, each of a convolution a channel and one that mixes channels."""

    def layer(size):
        each = {"padding": "same", "groups": CHANNELS, "bias": False}
        return nn.Sequential(
            nn.Conv2d(CHANNELS, CHANNELS, size, **each),
            _convolution(CHANNELS, CHANNELS, 1),
        )

    return nn.Sequential(*map(layer, (5, 3, 3)))


class Residual(nn.Module):
    """Two convolutions of 3 × 3, whose result is added to what they were given.

    References
    ----------
    He et al., "Deep residual learning for image recognition", CVPR 2016.
    """

    def __init__(self):
        super().__init__()
        self.first = _convolution(CHANNELS, CHANNELS, 3)
        self.second = nn.Sequential(
            nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False),
            nn.BatchNorm2d(CHANNELS),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Add what is found.

        Parameters
        ----------
        x : Tensor, shape (batch, channels, 88, T)

        Returns
        -------
        Tensor, shape (batch, channels, 88, T)
        """
        return torch.relu(x + self.second(self.first(x)))


class ConvNeXt(nn.Module):
    """A convolution of 7 × 7 a channel, and two that mix four times as many channels.

    References
    ----------
    Liu et al., "A ConvNet for the 2020s", CVPR 2022.
    """

    def __init__(self):
        super().__init__()
        self.around = nn.Conv2d(CHANNELS, CHANNELS, 7, padding=3, groups=CHANNELS)
        self.mix = nn.Sequential(
            nn.LayerNorm(CHANNELS),
            nn.Linear(CHANNELS, 4 * CHANNELS),
            nn.GELU(),
            nn.Linear(4 * CHANNELS, CHANNELS),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Add what is found.

        Parameters
        ----------
        x : Tensor, shape (batch, channels, 88, T)

        Returns
        -------
        Tensor, shape (batch, channels, 88, T)
        """
        return x + self.mix(self.around(x).movedim(1, -1)).movedim(-1, 1)


class UNet(nn.Module):
    """Convolutions of 3 × 3 at three sizes, each half as high and long as the last.

    On the way back each size is given what it was on the way down.

    References
    ----------
    Ronneberger, Fischer and Brox, "U-Net: convolutional networks for biomedical image
    segmentation", MICCAI 2015. Doras, Esling and Peeters, "On the use of U-Net for
    dominant melody estimation in polyphonic music", MMRP 2019.
    """

    def __init__(self):
        super().__init__()
        self.down = nn.ModuleList(
            _convolution(n_in, n_out, 3)
            for n_in, n_out in zip((CHANNELS, *WIDTHS), WIDTHS, strict=False)
        )
        pairs = list(zip(WIDTHS[:0:-1], WIDTHS[-2::-1], strict=True))
        self.wider = nn.ModuleList(
            nn.ConvTranspose2d(n_in, n_out, 2, 2) for n_in, n_out in pairs
        )
        self.up = nn.ModuleList(_convolution(2 * n, n, 3) for _, n in pairs)

    def forward(self, x: Tensor) -> Tensor:
        """Look around, near and far.

        Parameters
        ----------
        x : Tensor, shape (batch, channels, 88, T)

        Returns
        -------
        Tensor, shape (batch, channels, 88, T)
        """
        n_frames, halvings = x.shape[3], len(self.up)
        x = nn.functional.pad(x, (0, -n_frames % 2**halvings))
        *sizes, smallest = self.down
        passed = []
        for layer in sizes:
            passed.append(layer(x))
            x = nn.functional.max_pool2d(passed[-1], 2)
        x = smallest(x)
        for wider, layer in zip(self.wider, self.up, strict=True):
            x = layer(torch.cat([wider(x), passed.pop()], 1))
        return x[..., :n_frames]


BODIES = {
    "plain": _plain,
    "separable": _separable,
    "residual": lambda: nn.Sequential(Residual(), Residual()),
    "convnext": lambda: nn.Sequential(ConvNeXt(), ConvNeXt()),
    "unet": UNet,
}
