"""An auto-encoder of the bars of one recording, whose codes tell them apart."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from musaic_core.learned.training import load, train

CODE = 24  # numbers that a bar is told by
WIDTH = 64  # of the layers before and after
BATCH = 8  # bars a step


class BarAutoencoder(nn.Module):
    """A bar by a few nonnegative numbers, and the bar again: four dense layers.

    With one layer on either side and nonnegative weights it would be a nonnegative
    factorization with as many components: the code says what a bar has of each pattern.
    Here patterns are not added up, but made of their mixture. Marmoret et al. have
    convolutions before and after, which need some times as many steps.

    Parameters
    ----------
    n_values : int
        Of a bar.

    References
    ----------
    Marmoret, Cohen and Bimbot, "Barwise compression schemes for audio-based music
    structure analysis", Sound and Music Computing 2022.
    """

    def __init__(self, n_values: int):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(n_values, WIDTH), nn.ReLU(), nn.Linear(WIDTH, CODE), nn.ReLU()
        )
        self.decoder = nn.Sequential(
            nn.Linear(CODE, WIDTH), nn.ReLU(), nn.Linear(WIDTH, n_values)
        )

    def forward(self, bars: Tensor) -> Tensor:
        """Make bars of their codes.

        Parameters
        ----------
        bars : Tensor of float32, shape (batch, n_values)

        Returns
        -------
        Tensor, of the same shape
        """
        return self.decoder(self.encoder(bars))


@dataclass
class Codes:
    """What tells the bars of a recording apart: components, which may be read.

    Parameters
    ----------
    bars : ndarray of float32, shape (B, CODE)
        The code of each bar, nonnegative.
    norms : ndarray of float32, shape (CODE,)
        Of what the decoder's first layer makes of each number.
    n_parameters : int
        Numbers that the network is made of.
    """

    bars: np.ndarray
    norms: np.ndarray
    n_parameters: int

    def along_last_mode(self, n_entries: int) -> np.ndarray:
        """How much each bar has of each number of the code.

        Parameters
        ----------
        n_entries : int
            B.

        Returns
        -------
        ndarray, shape (B, CODE)
            In units of their norms, so that no scale of the network's counts.
        """
        return self.bars[:n_entries] * self.norms


def codes(X: np.ndarray, *, steps: int, seed: int = 0, device: str = "cpu") -> Codes:
    """Train an auto-encoder on the bars of a recording, and tell these by its codes.

    Parameters
    ----------
    X : ndarray, shape (B, n_values)
        The bars.
    steps : int
        Of `BATCH` bars each.
    seed : int
        Of the weights at the start, and of which bars are drawn.
    device : str
        PyTorch's name of where to train.

    Returns
    -------
    Codes
    """
    bars = (X - X.mean(0)).astype(np.float32)  # what all have tells none from another
    # a bar of silence differs from all others more than these do among themselves
    bars /= np.sqrt(np.mean(bars**2, 1, keepdims=True)) + 1e-9

    def build():
        return BarAutoencoder(bars.shape[1])

    def draw(rng):
        drawn = bars[rng.integers(len(bars), size=BATCH)]
        return drawn, drawn

    loss = nn.functional.mse_loss
    options = {"steps": steps, "seed": seed, "device": device, "rate": 1e-3}
    state = train(build, draw, loss, **options)
    with torch.no_grad():
        network = load(build(), state, device)
        found = network.encoder(torch.tensor(bars, device=device)).cpu().numpy()
        norms = network.decoder[0].weight.norm(dim=0).cpu().numpy()
    return Codes(found, norms, sum(p.numel() for p in network.parameters()))
