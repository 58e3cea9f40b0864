"""A small U-Net that separates stems; `musaic_core.learned.masks` trains it."""

import numpy as np
import torch
from torch import Tensor, nn

from musaic_core.learned.masks import Bands

WIDTHS = (16, 32, 48, 64)  # channels of each level
SIZE, STRIDE = 5, 2  # of every convolution


class UNet(nn.Module):
    """Masks of stems, from a magnitude spectrogram.

    1. Rows are gathered to `Bands` and compressed by a logarithm. A second channel says
       how high each band is.
    2. Four convolutions of 5 bands × 5 frames, each halving both, and four that double
       them again, each of which is given what its size had on the way down.
    3. A convolution of 3 × 3 gives a logit for each stem, band and frame. They are
       interpolated to the rows, and a softmax over the stems makes them masks.

    With four stems there are 315,292 parameters. A mask depends on some 62 frames to
    either side.

    Parameters
    ----------
    frequencies : ndarray, shape (F,)
        Centre of each row of the spectrogram, Hz, equally spaced.
    n_stems : int

    References
    ----------
    Jansson et al., "Singing voice separation with deep U-Net convolutional networks",
    ISMIR 2017.
    """

    def __init__(self, frequencies: np.ndarray, n_stems: int):
        super().__init__()
        self.bands = Bands(frequencies)
        height = torch.linspace(-1, 1, self.bands.n_bands)[:, None]
        self.register_buffer("_height", height, persistent=False)
        down, up = (2, *WIDTHS[:-1]), (*WIDTHS[-2::-1], WIDTHS[0] // 2)
        self.down = nn.ModuleList(
            _layer(nn.Conv2d, n_in, n_out, nn.LeakyReLU(0.2))
            for n_in, n_out in zip(down, WIDTHS, strict=True)
        )
        given = (WIDTHS[-1], *(2 * n for n in up[:-1]))
        self.up = nn.ModuleList(
            _layer(nn.ConvTranspose2d, n_in, n_out, nn.ReLU(), output_padding=1)
            for n_in, n_out in zip(given, up, strict=True)
        )
        self.head = nn.Conv2d(up[-1] + 2, n_stems, 3, padding=1)

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
        x = self.bands(V)
        x = torch.stack([x, self._height.expand_as(x)], 1)
        n_bands, n_frames = x.shape[2:]
        whole = STRIDE ** len(WIDTHS)
        passed = [nn.functional.pad(x, (0, -n_frames % whole, 0, -n_bands % whole))]
        for layer in self.down:
            passed.append(layer(passed[-1]))
        x = passed.pop()
        for layer in self.up:
            x = torch.cat([layer(x), passed.pop()], 1)
        logits = self.head(x)[:, :, :n_bands, :n_frames]
        return torch.softmax(self.bands.to_rows(logits), 1)


def _layer(convolution, n_in, n_out, activation, **options):
    """A convolution that halves or doubles both axes."""
    return nn.Sequential(
        convolution(n_in, n_out, SIZE, STRIDE, SIZE // 2, bias=False, **options),
        nn.BatchNorm2d(n_out),
        activation,
    )
