"""A small Wave-U-Net, which separates waveforms."""

import torch
from torch import Tensor, nn

LEVELS = 8  # each of which halves the rate
WIDTH = 8  # channels of the first level, twice as many of the second, and so on
DOWN, UP = 15, 5  # samples of a convolution


class WaveUNet(nn.Module):
    """Stems of a waveform, by convolutions of it at ever lower rates.

    1. On the way down, a convolution, of which every other sample goes on.
    2. On the way up, samples are interpolated, and a convolution sees them beside those
       that had that rate on the way down.
    3. A dense layer, sample by sample, gives the stems; there are no masks.

    With four stems there are … parameters. A sample depends on some … samples (… s) to
    either side. Stoller et al. have twelve levels, and twice as many channels.

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
        widths = [WIDTH * level for level in range(1, LEVELS + 2)]
        self.down = nn.ModuleList(
            _layer(n_in, n_out, DOWN)
            for n_in, n_out in zip((1, *widths), widths[:-1], strict=False)
        )
        self.middle = _layer(widths[-2], widths[-1], DOWN)
        self.up = nn.ModuleList(
            _layer(widths[level] + widths[level - 1], widths[level - 1], UP)
            for level in range(LEVELS, 0, -1)
        )
        self.head = nn.Conv1d(WIDTH + 1, n_stems, 1)

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
        padded = nn.functional.pad(mixture, (0, -n_samples % 2**LEVELS))[:, None]
        x, passed = padded, []
        for layer in self.down:
            passed.append(layer(x))
            x = passed[-1][:, :, ::2]
        x = self.middle(x)
        for layer in self.up:
            x = nn.functional.interpolate(x, scale_factor=2.0, mode="linear")
            x = layer(torch.cat([x, passed.pop()], 1))
        return self.head(torch.cat([x, padded], 1))[:, :, :n_samples]


def _layer(n_in, n_out, length):
    """A convolution, what normalises it, and a leaky rectifier."""
    return nn.Sequential(
        nn.Conv1d(n_in, n_out, length, padding=length // 2, bias=False),
        nn.BatchNorm1d(n_out),
        nn.LeakyReLU(0.2),
    )
