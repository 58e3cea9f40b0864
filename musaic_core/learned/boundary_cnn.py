"""A small convolutional network that hears where sections begin.

It sees how bars resemble each other and not what is played in them, so that it may
learn from a few songs what holds for others. What these do not show, other forms, is
made up: their sections are put together anew, in any order, some cut short.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy.ndimage import maximum_filter1d
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from musaic_core.data.errors import InputError
from musaic_core.learned.training import halved, load, train

AROUND = 16  # bars before and after a possible boundary that are looked at
FORMS = 4  # songs that are made up a step
PLACES = 16  # possible boundaries of each
ASIDE = 5  # networks, each of which has held out other songs
APART = 2  # bars around a boundary that no other is in
THRESHOLDS = np.linspace(0.02, 0.9, 45)
FORMS_HEARD = 12  # of each song that is held out, by which the threshold is chosen
EVEN = 0.01  # F-measures that differ by less are taken for even


class Song(NamedTuple):
    """A recording to learn from.

    Parameters
    ----------
    id : str
    products : ndarray, shape (3, B, B)
        As `products` gives them of its bars.
    begins : ndarray of bool, shape (B,)
        Whether a section begins with the bar.
    """

    id: str
    products: np.ndarray
    begins: np.ndarray


class BoundaryCNN(nn.Module):
    """Whether a section begins, from the self-similarities around.

    Two convolutions, of 5 × 5 bars, two bars apart, and of 3 × 3 of these, pooling of
    2 × 2, a layer of 32 numbers and a logit. What is seen are three self-similarities
    of 16 bars before and 16 after the possible boundary, and where there are such bars.
    There are 19,273 parameters.

    References
    ----------
    Ullrich, Schlüter and Grill, "Boundary detection in music structure analysis using
    convolutional neural networks", ISMIR 2014. Cohen-Hadria and Peeters, "Music
    structure boundaries estimation using multiple self-similarity matrices as input
    depth of convolutional neural networks", AES Semantic Audio 2017.
    """

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(4, 16, 5, stride=2, padding=2),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(8 * (AROUND // 2) ** 2, 32),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(32, 1),
        )

    def forward(self, squares: Tensor) -> Tensor:
        """Hear boundaries.

        Parameters
        ----------
        squares : Tensor of float32, shape (batch, 4, 2 · `AROUND`, 2 · `AROUND`)
            As `squares_around` gives them.

        Returns
        -------
        Tensor, shape (batch,)
            Logits of a section that begins.
        """
        return self.layers(squares)[:, 0]


def products(V: np.ndarray) -> np.ndarray:
    """Products of bars, in three respects, of which self-similarities are made.

    Parameters
    ----------
    V : ndarray, shape (F, T, B)

    Returns
    -------
    ndarray of float64, shape (3, B, B)
        Of bars as a whole, of their mean spectra, and of how they go away from these.
    """
    V = V.astype(np.float64)
    mean = V.mean(1, keepdims=True)
    views = V, mean, V - mean
    return np.stack([(X := view.reshape(-1, view.shape[2])).T @ X for view in views])


def similarities(products: np.ndarray) -> np.ndarray:
    """Cosines of bars less the mean bar.

    Parameters
    ----------
    products : ndarray, shape (3, B, B)
        As `products` gives them, of any bars in any order.

    Returns
    -------
    ndarray of float32, shape (3, B, B)
    """
    means = products.mean(1, keepdims=True)
    centred = products - means - means.transpose(0, 2, 1)
    centred += products.mean((1, 2), keepdims=True)
    norms = np.sqrt(np.maximum(np.einsum("kii->ki", centred), 1e-12))
    return (centred / norms[:, :, None] / norms[:, None]).astype(np.float32)


def squares_around(products: np.ndarray, bars: Sequence[int]) -> np.ndarray:
    """Self-similarities around possible boundaries.

    Parameters
    ----------
    products : ndarray, shape (3, B, B)
    bars : sequence of int
        Before which a section may begin.

    Returns
    -------
    ndarray of float32, shape (len(bars), 4, 2 · `AROUND`, 2 · `AROUND`)
        Three self-similarities, and 1 where there are bars; all are 0 elsewhere.
    """
    seen = np.concatenate([similarities(products), np.ones_like(products[:1])])
    padded = np.pad(seen, [(0, 0), (AROUND, AROUND), (AROUND, AROUND)])
    size = 2 * AROUND
    return np.stack([padded[:, b : b + size, b : b + size] for b in bars]).astype("f4")


def fit(
    songs: Sequence[Song], *, seed: int = 0, minutes: float | None = None, **options
) -> dict[str, np.ndarray]:
    """Train networks, each on other songs, and choose a threshold for all of them.

    The threshold is chosen on the songs that each network has not learned from, in many
    forms that are made up: what is best for five songs as they are is chance.

    Parameters
    ----------
    songs : sequence of Song
    seed : int
        Of the weights at the start, and of all that is drawn.
    minutes : float, optional
        How long to train all of them at most.
    **options
        As `train` takes them: steps of each, device, checkpoints.

    Returns
    -------
    dict of str to ndarray
        Weights of all networks, and the threshold, for `describe` and `choose`.

    Raises
    ------
    InputError
        There are no songs.
    """
    if not songs:
        raise InputError("no song could be read whose sections are known")
    ids = sorted({song.id for song in songs})
    order = np.random.default_rng(seed).permutation(ids).tolist()
    state, heard, forms = {}, [], np.random.default_rng(seed)
    n_networks = min(ASIDE, len(ids))
    for number in range(n_networks):
        apart = set(order[number::n_networks]) if n_networks > 1 else set()
        members = [k for k, song in enumerate(songs) if song.id not in apart]
        others = [k for k, song in enumerate(songs) if song.id in apart]

        def draw(rng, members=members):
            made_up = [_made_up(songs[k], rng) for k in rng.choice(members, FORMS)]
            parts = [_some_places(song, rng) for song in made_up]
            return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]

        check = [_places(songs[k], range(1, len(songs[k].begins))) for k in others]
        trained = train(
            BoundaryCNN,
            draw,
            binary_cross_entropy_with_logits,
            minutes=minutes and minutes / n_networks,
            check=check,
            seed=seed + number,
            rate=3e-3,
            **options,
        )
        trained = halved(trained)
        state |= {f"{number}.{name}": array for name, array in trained.items()}
        network = load(BoundaryCNN(), trained)
        for song in [_made_up(songs[k], forms) for k in others * FORMS_HEARD]:
            squares, begins = _places(song, range(1, len(song.begins)))
            with torch.no_grad():
                p = torch.sigmoid(network(torch.tensor(squares))).numpy()
            heard.append((begins.astype(bool), p))

    def score(threshold):
        found = [_f_measure(true, choose(p, threshold)) for true, p in heard]
        return np.mean(found) if found else 0

    scores = np.array([score(threshold) for threshold in THRESHOLDS])
    # which of many that are as good is the best is chance: the middle of them
    state["threshold"] = THRESHOLDS[scores > scores.max() - EVEN].mean(keepdims=True)
    return state


def _places(song, bars):
    """What is seen before some bars of a song, and whether sections begin there."""
    return squares_around(song.products, bars), song.begins[bars].astype(np.float32)


def _some_places(song, rng):
    return _places(song, 1 + rng.permutation(len(song.begins) - 1)[:PLACES])


def _made_up(song, rng):
    """A song in any other form: half of the time its own, with bars that differ more.

    Others are made of some of its sections, in any order; one in four is cut short.
    """
    first = np.flatnonzero(song.begins)
    ends = np.append(first[1:], len(song.begins))
    parts = [np.arange(*span) for span in zip(first, ends, strict=True)]
    if rng.random() < 0.5 and len(parts) > 1:
        pool = rng.permutation(len(parts))[: rng.integers(2, 6)]
        order = [pool[0]]
        for _ in range(rng.integers(3, 12)):
            order.append(rng.choice(pool[pool != order[-1]]))
        parts = [parts[k] for k in order]
        parts = [
            part[: rng.integers(2, max(2, len(part)) + 1)] if cut else part
            for part, cut in zip(parts, rng.random(len(parts)) < 0.25, strict=True)
        ]
    bars = np.concatenate(parts)
    begins = np.concatenate([np.arange(len(part)) == 0 for part in parts])
    products = song.products[:, bars][:, :, bars]
    # what is each bar's own makes it less like the others, and like itself as before
    own = np.arange(len(bars))
    products[:, own, own] *= 1 + rng.uniform(0, 0.5)
    return Song(song.id, products, begins)


def _f_measure(true, found):
    """Of boundaries, those within a bar being right."""

    def share_near(some, others):
        near = maximum_filter1d(others.astype(int), 3)
        return near[some].mean() if some.any() else 0.0

    precision, recall = share_near(found, true), share_near(true, found)
    return 2 * precision * recall / (precision + recall or 1)


def choose(probabilities: np.ndarray, threshold: float) -> np.ndarray:
    """Choose the boundaries: peaks above a share of the highest one.

    Networks are less sure of songs that are unlike those that they have learned from;
    which of a song's bars are the likeliest, they still say.

    Parameters
    ----------
    probabilities : ndarray, shape (n,)
    threshold : float
        The share.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    highest = maximum_filter1d(probabilities, 2 * APART + 1)
    least = threshold * probabilities.max(initial=0)
    return (probabilities == highest) & (probabilities >= least)


def describe(V: np.ndarray, state: dict[str, np.ndarray]) -> np.ndarray:
    """Hear where sections may begin.

    Parameters
    ----------
    V : ndarray, shape (F, T, B)
        Frequency × time in bar × bar.
    state : dict of str to ndarray
        What `fit` gave.

    Returns
    -------
    ndarray of float32, shape (B - 1,)
        Probabilities that a section begins with each bar but the first: the mean of
        what all networks say.
    """
    squares = torch.tensor(squares_around(products(V), range(1, V.shape[2])))
    heard = []
    for number in sorted({name.split(".")[0] for name in state} - {"threshold"}):
        names = [k for k in state if k.startswith(f"{number}.")]
        own = {k.removeprefix(f"{number}."): state[k] for k in names}
        with torch.no_grad():
            heard.append(torch.sigmoid(load(BoundaryCNN(), own)(squares)))
    return torch.stack(heard).mean(0).numpy()
