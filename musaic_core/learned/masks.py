"""Training of networks that separate stems by masks on a mixture's spectrogram.

They are made for few recordings and little time: they learn in minutes of one core.
What few songs do not show, other mixtures, instruments, rooms and keys, is simulated:
stems of any songs are mixed anew, each disturbed by itself (`disturb`).

A network is a class that is called with the frequencies of the rows and the number of
stems, and whose ``forward`` makes masks (batch, stems, F, T), which sum to 1 over the
stems, of magnitudes (batch, F, T) whose root mean square is about 1.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from musaic_core.learned import disturb
from musaic_core.learned.mixing import drawn, in_decibels, train_to_separate
from musaic_core.learned.training import load

LENGTH = 128  # frames of an example
FINE = 36  # bands in an octave, where rows are closer than that
BLOCK = 1024  # frames that are computed at once
REACH = 128  # frames before and after them that are looked at


class Bands(nn.Module):
    """Rows of a spectrogram to bands, as they are heard, and back.

    Parameters
    ----------
    frequencies : ndarray, shape (F,)
        Centre of each row, Hz, equally spaced.

    Attributes
    ----------
    n_bands : int
        They are as close as the rows, or `FINE` in an octave where that is wider.
    """

    def __init__(self, frequencies: np.ndarray):
        super().__init__()
        step = frequencies[1] - frequencies[0]
        centres = [frequencies[0] + step / 2]
        while centres[-1] < frequencies[-1]:
            centres.append(max(centres[-1] + step, centres[-1] * 2 ** (1 / FINE)))
        self.n_bands = len(centres)
        index = np.arange(self.n_bands)
        place = np.interp(frequencies, centres, index)
        share = np.maximum(0, 1 - np.abs(place[:, None] - index)).astype(np.float32)
        mean = share.T / np.maximum(share.sum(0), 1e-6)[:, None]
        self.register_buffer("_share", torch.tensor(share), persistent=False)
        self.register_buffer("_mean", torch.tensor(mean), persistent=False)

    def forward(self, V):
        """Compress magnitudes by a logarithm, and their bands' mean.

        Parameters
        ----------
        V : Tensor of float32, shape (batch, F, T)

        Returns
        -------
        Tensor, shape (batch, bands, T)
            From 0 to about 2.
        """
        return torch.log1p(100 * (self._mean @ V)) / 4

    def to_rows(self, x):
        """Interpolate between bands.

        Parameters
        ----------
        x : Tensor, shape (…, bands, T)

        Returns
        -------
        Tensor, shape (…, F, T)
        """
        return self._share @ x


def fit(
    network: type[nn.Module],
    recordings: Sequence[tuple[str, dict[str, np.ndarray]]],
    *,
    labels: Sequence[str],
    frequencies: np.ndarray,
    frame: float,
    seed: int = 0,
    loss: Callable[..., torch.Tensor] | None = None,
    **options,
) -> dict[str, np.ndarray]:
    """Train a network.

    The loss is the energy of the stems' errors beside that of the mixture, in dB, its
    mean over stems and seconds: what separation is scored by.

    Parameters
    ----------
    network : type
    recordings : sequence of (str, dict of str to ndarray)
        Id of each, and magnitudes (F, T, channels) of its stems; some may be missing.
    labels : sequence of str
        Names of the stems.
    frequencies : ndarray, shape (F,)
        Centre of each row, Hz.
    frame : float
        Time between frames, s.
    seed : int
        Of the weights at the start, and of all that is drawn.
    loss : callable, optional
        Another one: ``loss(output, along)`` of what the network gives, and of what of
        each stem is in phase with the mixture (batch, stems, F, T).
    **options
        As `train` takes them: steps, minutes, device, checkpoints.

    Returns
    -------
    dict of str to ndarray
        Weights, for `describe`.

    Raises
    ------
    InputError
        A stem is in none of the recordings.
    """
    audible = np.maximum(frequencies, frequencies[1] / 2)  # whose logarithm is finite
    n_seconds = max(1, round(LENGTH * frame))

    def example(songs, rng, as_it_is):
        stems = _mixed(songs, labels, audible, frame, rng, as_it_is)
        phases = np.float32(2 * np.pi) * rng.random(stems.shape, np.float32)
        real, imaginary = stems * np.cos(phases), stems * np.sin(phases)
        mixture = real.sum(0), imaginary.sum(0)
        V = np.hypot(*mixture) + np.float32(1e-9)
        # what of each stem is in phase with the mixture, which masks can give, and
        # what is not: of that, the energy in each second
        along = (real * mixture[0] + imaginary * mixture[1]) / V
        across = (imaginary * mixture[0] - real * mixture[1]) / V
        lost = _by_second(torch.tensor(across**2), n_seconds).numpy()
        loudness = np.sqrt(np.mean(V**2))
        loudness = loudness * np.float32(10 ** (rng.uniform(-6, 6) / 20))
        return V / loudness, along / loudness, lost / loudness**2

    def energy_of_errors(masks, along, lost):
        V = along.sum(1, keepdim=True)
        error = _by_second((along - masks * V) ** 2, n_seconds) + lost
        relative = error / (_by_second(V**2, n_seconds) + 1e-6)
        return in_decibels(relative)

    state = train_to_separate(
        lambda: network(frequencies, len(labels)),
        example,
        energy_of_errors if loss is None else lambda x, along, _: loss(x, along),
        recordings,
        labels,
        seed=seed,
        **options,
    )
    return state | {"frequencies": np.asarray(frequencies, np.float32)}


def _by_second(energy, n_seconds):
    """Energies (…, F, T), summed over all rows and over each second."""
    parts = energy.sum(-2).tensor_split(n_seconds, -1)
    return torch.stack([part.sum(-1) for part in parts], -1)


def _mixed(songs, labels, frequencies, frame, rng, as_it_is):
    """Magnitudes (stems, F, LENGTH) of a mixture: one song's, or of several, disturbed.

    One channel of each stem is heard, any one.
    """
    stems = np.zeros((len(labels), len(frequencies), LENGTH), np.float32)
    for number, V, place, semitones in drawn(songs, labels, rng, as_it_is):
        V = V[:, :, rng.integers(V.shape[2])]
        first = int(place * max(1, V.shape[1] - LENGTH + 1))
        V = V[:, first : first + LENGTH]
        if not as_it_is:
            V = _disturbed(V, frequencies[: len(V)], frame, semitones, rng)
        stems[number, : len(V), : V.shape[1]] = V
    return stems


def _disturbed(V, frequencies, frame, semitones, rng):
    """A stem in another key, through an equaliser, at another loudness, in a room."""
    V = disturb.transpose(V, frequencies, semitones)
    V = disturb.equalise(V, frequencies, rng, 5.0)
    if rng.random() < 0.5:
        V = disturb.reverberate(V, frequencies, frame, rng, levels=(-25.0, 0.0))
    return V * np.float32(10 ** (rng.normal(0, 5) / 20))


def describe(
    network: type[nn.Module],
    V: np.ndarray,
    state: dict[str, np.ndarray],
    n_stems: int,
    power: float,
    device: str = "cpu",
) -> np.ndarray:
    """Find the stems of a recording, in each of its channels by itself.

    Parameters
    ----------
    network : type
    V : ndarray, shape (F, T) or (F, T, channels)
        Magnitudes of the mixture, of all rows that `fit` was given or of the lowest.
    state : dict of str to ndarray
        What `fit` gave.
    n_stems : int
        As many as there are labels.
    power : float
        Of the magnitudes whose ratios are to be the masks, as a Wiener filter takes it.
    device : str
        PyTorch's name of where to compute.

    Returns
    -------
    ndarray of float32, shape (stems, *V.shape)
        Magnitudes of each stem, which to that power are in the ratios of the masks: a
        Wiener filter that is made of them is the masks themselves.
    """
    weights = {name: array for name, array in state.items() if name != "frequencies"}
    built = load(network(state["frequencies"], n_stems), weights, device)
    heard = np.moveaxis(V.reshape(*V.shape[:2], -1), 2, 0)  # channels, F, T
    loudness = np.sqrt(np.mean(heard**2)) or 1
    stems = np.empty((n_stems, *heard.shape), np.float32)
    n_frames, higher = V.shape[1], len(state["frequencies"]) - len(V)
    for channel, magnitudes in enumerate(heard):
        for first in range(0, n_frames, BLOCK):
            start = max(0, first - REACH)
            block = magnitudes[:, start : first + BLOCK + REACH] / loudness
            x = torch.tensor(np.pad(block, [(0, higher), (0, 0)]), dtype=torch.float32)
            with torch.no_grad():
                masks = built(x[None].to(device))[0].cpu().numpy()
            masks = masks[:, : len(V), first - start :][..., :BLOCK]
            stems[:, channel, :, first : first + BLOCK] = masks ** (1 / power)
    stems *= heard
    return np.moveaxis(stems, 1, 3).reshape(n_stems, *V.shape)
