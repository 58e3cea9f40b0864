"""Small U-Nets that separate stems: by masks of magnitudes, or by complex ones.

`musaic_core.learned.masks` trains the one, `musaic_core.learned.waveforms` the other.
"""

import numpy as np
import torch
from torch import Tensor, nn

from musaic_core.learned.masks import Bands

WIDTHS = (16, 32, 48, 64)  # channels of each level
SIZE, STRIDE = 5, 2  # of every convolution
WINDOW, HOP = 1024, 512  # samples, of the spectra that complex masks are for


class _Levels(nn.Module):
    """Convolutions that halve both axes, and as many that double them again.

    Each of these is given what its size had on the way down; a last one over 3 × 3 is
    given what came in.
    """

    def __init__(self, n_in, n_out):
        super().__init__()
        down, up = (n_in, *WIDTHS[:-1]), (*WIDTHS[-2::-1], WIDTHS[0] // 2)
        self.down = nn.ModuleList(
            _layer(nn.Conv2d, before, after, nn.LeakyReLU(0.2))
            for before, after in zip(down, WIDTHS, strict=True)
        )
        given = (WIDTHS[-1], *(2 * n for n in up[:-1]))
        self.up = nn.ModuleList(
            _layer(nn.ConvTranspose2d, before, after, nn.ReLU(), output_padding=1)
            for before, after in zip(given, up, strict=True)
        )
        self.head = nn.Conv2d(up[-1] + n_in, n_out, 3, padding=1)

    def through_levels(self, x):
        """Channels (batch, channels, rows, frames) to as many as are wanted."""
        n_rows, n_frames = x.shape[2:]
        whole = STRIDE ** len(WIDTHS)
        passed = [nn.functional.pad(x, (0, -n_frames % whole, 0, -n_rows % whole))]
        for layer in self.down:
            passed.append(layer(passed[-1]))
        x = passed.pop()
        for layer in self.up:
            x = torch.cat([layer(x), passed.pop()], 1)
        return self.head(x)[:, :, :n_rows, :n_frames]


class UNet(_Levels):
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
        super().__init__(2, n_stems)
        self.bands = Bands(frequencies)
        height = torch.linspace(-1, 1, self.bands.n_bands)[:, None]
        self.register_buffer("_height", height, persistent=False)

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
        return torch.softmax(self.bands.to_rows(self.through_levels(x)), 1)


class ComplexUNet(_Levels):
    """Stems of a waveform, by complex masks on its spectrum.

    1. Of each of the 513 bins of its short-time Fourier transform there are the
       logarithm of the magnitude, the same times cosine and sine of the phase, and how
       high it is.
    2. The levels of `UNet` make two numbers of these for each stem, real and imaginary
       part of a mask. They are bounded: no magnitude is above 1.
    3. The spectrum times each mask is a stem's, whose phase need not be the mixture's.

    With four stems there are 316,600 parameters. A sample depends on 2 s to
    either side.

    Parameters
    ----------
    n_stems : int

    References
    ----------
    Williamson, Wang and Wang, "Complex ratio masking for monaural speech separation",
    IEEE/ACM Transactions on Audio, Speech, and Language Processing 24 (3), 2016. Choi
    et al., "Phase-aware speech enhancement with deep complex U-Net", ICLR 2019 (bounded
    masks on a U-Net, learned from waveforms).
    """

    def __init__(self, n_stems: int):
        super().__init__(4, 2 * n_stems)
        height = torch.linspace(-1, 1, WINDOW // 2 + 1)[:, None]
        self.register_buffer("_height", height, persistent=False)
        window = torch.hann_window(WINDOW)
        self.register_buffer("_window", window, persistent=False)

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
        how = {"n_fft": WINDOW, "hop_length": HOP, "window": self._window}
        how["normalized"] = True
        padded = nn.functional.pad(mixture, (0, WINDOW))  # a whole window at the least
        X = torch.stft(padded, **how, pad_mode="constant", return_complex=True)
        magnitude = X.abs()
        level = torch.log1p(100 * magnitude) / 4
        direction = X / (magnitude + 1e-9)
        parts = level, level * direction.real, level * direction.imag
        x = torch.stack([*parts, self._height.expand_as(level)], 1)
        real, imaginary = self.through_levels(x).float().chunk(2, 1)
        size = torch.sqrt(real**2 + imaginary**2 + 1e-9)
        masks = torch.complex(real, imaginary) * (torch.tanh(size) / size)
        made = (masks * X[:, None]).flatten(0, 1)
        made = torch.istft(made, **how, length=padded.shape[1])
        return made.unflatten(0, (len(mixture), -1))[..., : mixture.shape[1]]


def _layer(convolution, n_in, n_out, activation, **options):
    """A convolution that halves or doubles both axes."""
    return nn.Sequential(
        convolution(n_in, n_out, SIZE, STRIDE, SIZE // 2, bias=False, **options),
        nn.BatchNorm2d(n_out),
        activation,
    )
