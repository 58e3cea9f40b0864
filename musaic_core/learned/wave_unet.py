"""A small Wave-U-Net, which separates waveforms at ten rates at once."""

from itertools import pairwise

import torch
from torch import Tensor, nn

SIZES = 10  # rates, each half the one before
WIDTH = 8  # channels that each has more than the one before


class WaveUNet(nn.Module):
    """Stems of a waveform, without any spectrum.

    1. Ten times, a convolution over 15 samples, of which every second one is kept.
    2. Ten times back, samples are interpolated, put beside what that rate had before,
       and a convolution over 5 samples follows.
    3. A dense layer makes the stems of that and of the mixture.

    Batch normalisation and a leaky rectifier follow each convolution, where Stoller et
    al. have the latter alone; they have twelve rates, three times the channels, and no
    zeros before the beginning and after the end. With four stems there are 675,680
    parameters. A sample depends on 1 s to either side.

    Parameters
    ----------
    n_stems : int

    References
    ----------
    Stoller, Ewert and Dixon, "Wave-U-Net: a multi-scale neural network for end-to-end
    audio source separation", ISMIR 2018.
    """

    def __init__(self, n_stems: int):
        super().__init__()
        widths = [1, *(WIDTH * (k + 1) for k in range(SIZES))]
        self.down = nn.ModuleList(
            _convolution(n_in, n_out, 15) for n_in, n_out in pairwise(widths)
        )
        self.bottom = _convolution(widths[-1], widths[-1], 15)
        self.up = nn.ModuleList(
            _convolution(below + width, width, 5)
            for below, width in pairwise([widths[-1], *widths[:0:-1]])
        )
        self.stems = nn.Conv1d(WIDTH + 1, n_stems, 1)

    def forward(self, mixture: Tensor) -> Tensor:
        """Find stems.

        Parameters
        ----------
        mixture : Tensor of float32, shape (batch, samples)
            Of a root mean square of about 1.

        Returns
        -------
        Tensor, shape (batch, stems, samples)
        """
        n_samples = mixture.shape[1]
        mixture = nn.functional.pad(mixture, (0, -n_samples % 2**SIZES))[:, None]
        x, before = mixture, []
        for convolution in self.down:
            x = convolution(x)
            before.append(x)
            x = x[..., ::2]
        x = self.bottom(x)
        for convolution in self.up:
            x = nn.functional.interpolate(x, scale_factor=2, mode="linear")
            x = convolution(torch.cat([x, before.pop()], 1))
        return self.stems(torch.cat([x, mixture], 1))[..., :n_samples]


def _convolution(n_in, n_out, size):
    return nn.Sequential(
        nn.Conv1d(n_in, n_out, size, padding="same", bias=False),
        nn.BatchNorm1d(n_out),
        nn.LeakyReLU(0.2),
    )
