"""A small Conv-TasNet, which separates waveforms on a learned nonnegative basis."""

import torch
from torch import Tensor, nn

FILTERS = 160  # of the basis
LENGTH = 128  # samples of each: 8 ms
STRIDE = LENGTH // 2
WIDTH, INNER = 48, 96  # channels between blocks, and within them
BLOCKS, REPEATS = 7, 2  # dilated by 1, 2, …, 64 frames, twice over


class ConvTasNet(nn.Module):
    """Stems of a waveform, by masks on a basis that is learned.

    1. The waveform is written as nonnegative weights of filters, w = ReLU(U x), and
       stems will be sums of others with masked weights, s_j = V (m_j ∘ w). That is a
       factorization with a learned basis in the place of the Fourier transform, in
       which weights are nonnegative and the basis is not: as NMF's activations, but
       with templates that are waveforms and have signs.
    2. Masks are made of the weights by blocks of dense layers and of convolutions in
       time, each channel by itself, which reach further from block to block.
    3. A softmax over the stems makes masks that sum to 1.

    With four stems there are 222,189 parameters. A sample depends on some 254 frames
    (1 s) to either side, and by the normalisation on the loudness of all.

    Parameters
    ----------
    n_stems : int

    References
    ----------
    Luo and Mesgarani, "Conv-TasNet: surpassing ideal time-frequency magnitude masking
    for speech separation", IEEE/ACM Transactions on Audio, Speech and Language
    Processing 27 (8), 2019.
    """

    def __init__(self, n_stems: int):
        super().__init__()
        self.n_stems = n_stems
        self.encode = nn.Conv1d(1, FILTERS, LENGTH, STRIDE, bias=False)
        self.narrow = nn.Sequential(
            nn.GroupNorm(1, FILTERS), nn.Conv1d(FILTERS, WIDTH, 1)
        )
        self.blocks = nn.ModuleList(
            _block(2**k) for _ in range(REPEATS) for k in range(BLOCKS)
        )
        self.masks = nn.Sequential(
            nn.PReLU(),
            nn.Conv1d(WIDTH, n_stems * FILTERS, 1),
            nn.Unflatten(1, (n_stems, -1)),
        )
        self.decode = nn.ConvTranspose1d(FILTERS, 1, LENGTH, STRIDE, bias=False)

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
        padded = nn.functional.pad(mixture, (STRIDE, STRIDE + -n_samples % STRIDE))
        weights = torch.relu(self.encode(padded[:, None]))
        x = self.narrow(weights)
        for block in self.blocks:
            x = x + block(x)
        masked = torch.softmax(self.masks(x), 1) * weights[:, None]
        stems = self.decode(masked.flatten(0, 1)).unflatten(0, (-1, self.n_stems))
        return stems[:, :, 0, STRIDE : STRIDE + n_samples]


def _block(dilation):
    """Dense, in time for each channel by itself, dense; to be added to its input."""
    in_time = {"padding": dilation, "dilation": dilation, "groups": INNER}
    return nn.Sequential(
        nn.Conv1d(WIDTH, INNER, 1),
        nn.PReLU(),
        nn.GroupNorm(1, INNER),
        nn.Conv1d(INNER, INNER, 3, **in_time),
        nn.PReLU(),
        nn.GroupNorm(1, INNER),
        nn.Conv1d(INNER, WIDTH, 1),
    )
