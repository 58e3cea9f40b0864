"""Embeddings of bars that are learned without annotations: what is near sounds alike.

Of three bars of a recording, two near each other and one further away, the first two
belong to one section more often than not. A network that brings these together, and not
the third, hears what changes between sections and not within them.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from musaic_core.data.errors import InputError
from musaic_core.learned.training import held_out, load, train

SIZE = 32  # numbers that a bar is told by
NEAR, FAR = 4, 24  # bars between those that are alike at most, and other ones
MARGIN = 0.2  # by which those that are alike are to have the greater cosine
BATCH = 16  # triplets a step


class BarEmbedding(nn.Module):
    """A bar by a vector of unit length: three convolutions, then a dense layer.

    The convolutions are of 5 × 5 bands and frames, of every second band and frame, the
    last of 3 × 3; what they give is averaged over the bar. There are 32,848 parameters,
    with 80 bands.

    Parameters
    ----------
    n_bands : int

    References
    ----------
    McCallum, "Unsupervised learning of deep features for music segmentation", ICASSP
    2019 (triplets by how near they are). Buisson, McFee, Essid and Crayencour,
    "Learning multi-level representations for hierarchical music structure analysis",
    ISMIR 2022.
    """

    def __init__(self, n_bands: int):
        super().__init__()

        def layer(n_in, n_out, size):
            convolution = nn.Conv2d(n_in, n_out, size, 2, size // 2, bias=False)
            return nn.Sequential(convolution, nn.BatchNorm2d(n_out), nn.ReLU())

        self.layers = nn.Sequential(layer(1, 16, 5), layer(16, 32, 5), layer(32, 32, 3))
        self.dense = nn.Linear(32 * -(-n_bands // 8), SIZE)

    def forward(self, bars: Tensor) -> Tensor:
        """Tell bars by vectors.

        Parameters
        ----------
        bars : Tensor of float32, shape (..., bands, frames)

        Returns
        -------
        Tensor, shape (..., `SIZE`)
            Of unit length.
        """
        heard = self.layers(bars.reshape(-1, 1, *bars.shape[-2:])).mean(3).flatten(1)
        return normalize(self.dense(heard), dim=1).reshape(*bars.shape[:-2], SIZE)


def fit(
    songs: Sequence[tuple[str, np.ndarray]], *, seed: int = 0, **options
) -> dict[str, np.ndarray]:
    """Train the network on triplets of bars: a bar, one near it, and one further away.

    A fifth of the recordings is held out, on which training is stopped. What each
    triplet hears is coloured by an equaliser of its own.

    Parameters
    ----------
    songs : sequence of (str, ndarray of float32, shape (F, T, B))
        Id and bars of each recording: logarithms of magnitudes, from 0.
    seed : int
        Of the weights at the start, and of all that is drawn.
    **options
        As `train` takes them: steps, minutes, device, checkpoints.

    Returns
    -------
    dict of str to ndarray
        Weights, for `describe`.

    Raises
    ------
    InputError
        No recording has three bars.
    """
    songs = [(id, V) for id, V in songs if V.shape[2] > 2]
    if not songs:
        raise InputError("no recording could be read that has three bars")
    apart = held_out((id for id, _ in songs), seed)
    learned = [_ready(V) for id, V in songs if id not in apart]
    checked = [_ready(V) for id, V in songs if id in apart]

    def draw(rng):
        return [_triplets(learned[rng.integers(len(learned))], rng)]

    def loss(vectors):
        anchor, near, far = vectors.unbind(1)
        closer = (anchor * near).sum(1) - (anchor * far).sum(1)
        return torch.relu(MARGIN - closer).mean()

    rng = np.random.default_rng(seed)
    check = [[_triplets(bars, rng)] for bars in checked for _ in range(8)]
    n_bands = songs[0][1].shape[0]
    told = {"check": check, "seed": seed, "rate": 3e-3}
    return train(lambda: BarEmbedding(n_bands), draw, loss, **told, **options)


def describe(
    V: np.ndarray, state: dict[str, np.ndarray], device: str = "cpu"
) -> np.ndarray:
    """Tell the bars of a recording by vectors.

    Parameters
    ----------
    V : ndarray, shape (F, T, B)
    state : dict of str to ndarray
        What `fit` gave.
    device : str
        PyTorch's name of where to compute.

    Returns
    -------
    ndarray of float32, shape (B, `SIZE`)
        Of unit length.
    """
    network = load(BarEmbedding(len(V)), state, device)
    with torch.no_grad():
        return network(torch.tensor(_ready(V), device=device)).cpu().numpy()


def _ready(V):
    """Bars (B, F, T) beside the recording's mean spectrum, so that none is its own."""
    return (V - V.mean((1, 2), keepdims=True)).transpose(2, 0, 1).astype(np.float32)


def _triplets(bars, rng):
    """Triplets of a recording's bars, each in a colour of its own: (`BATCH`, 3, F, T).

    Of both pairs, the bars are at most so many bars apart; the pair that is taken for
    alike is the nearer one.
    """
    n = len(bars)
    anchor = rng.integers(n, size=BATCH)
    others = np.clip(anchor + _steps(NEAR, rng), 0, n - 1)
    further = np.clip(anchor + _steps(FAR, rng), 0, n - 1)
    pair = np.stack([others, further])
    pair = np.take_along_axis(pair, np.abs(pair - anchor).argsort(0), 0)
    drawn = bars[np.stack([anchor, *pair], 1)]
    knots = rng.normal(0, 0.5, (BATCH, 6))
    place = np.linspace(0, 5, bars.shape[1])
    colour = np.stack([np.interp(place, np.arange(6), of_one) for of_one in knots])
    return drawn + colour[:, None, :, None].astype(np.float32)


def _steps(most, rng):
    """Bars to go, back or on: one at least."""
    return rng.integers(1, most + 1, BATCH) * rng.choice([-1, 1], BATCH)
