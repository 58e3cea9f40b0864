"""Training of networks that separate waveforms, without a spectrogram.

They learn as those that make masks (`musaic_core.learned.masks`): from stems of any
songs, mixed anew, each disturbed by itself, and by the same loss.

A network is a class that is called with the number of stems, and whose ``forward``
makes stems (batch, stems, samples) of mixtures (batch, samples) at `RATE` whose root
mean square is about 1. What its stems lack of the mixture is shared alike by them.
"""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.fft import irfft, rfft, rfftfreq
from torch import Tensor, nn

from musaic_core.learned import disturb
from musaic_core.learned.mixing import drawn, in_decibels, train_to_separate
from musaic_core.learned.training import load

RATE = 16_000  # Hz
SECONDS = 4  # of an example


def fit(
    network: type[nn.Module],
    recordings: Sequence[tuple[str, dict[str, np.ndarray]]],
    *,
    labels: Sequence[str],
    seed: int = 0,
    **options,
) -> dict[str, np.ndarray]:
    """Train a network.

    The loss is the energy of the stems' errors beside that of the mixture, in dB, its
    mean over stems and seconds: what separation is scored by.

    Parameters
    ----------
    network : type
    recordings : sequence of (str, dict of str to ndarray)
        Id of each, and its stems (channels, samples) at `RATE`; some may be missing.
    labels : sequence of str
        Names of the stems.
    seed : int
        Of the weights at the start, and of all that is drawn.
    **options
        As `train` takes them: steps, minutes, device, checkpoints.

    Returns
    -------
    dict of str to ndarray
        Weights, for `separate`.

    Raises
    ------
    InputError
        A stem is in none of the recordings.
    """

    def example(songs, rng, as_it_is):
        stems = _mixed(songs, labels, rng, as_it_is)
        mixture = stems.sum(0)
        loudness = np.sqrt(np.mean(mixture**2)) + np.float32(1e-9)
        loudness = loudness * np.float32(10 ** (rng.uniform(-6, 6) / 20))
        return mixture / loudness, stems / loudness

    def loss(found, stems):
        mixture = stems.sum(1, keepdim=True)
        error = _by_second(stems - consistent(found, mixture[:, 0]))
        relative = error / (_by_second(mixture) + 1e-6)
        return in_decibels(relative)

    return train_to_separate(
        lambda: network(len(labels)),
        example,
        loss,
        recordings,
        labels,
        seed=seed,
        **options,
    )


def consistent(stems: Tensor, mixture: Tensor) -> Tensor:
    """Share what stems lack of the mixture, so that they sum to it.

    Parameters
    ----------
    stems : Tensor, shape (batch, stems, samples)
    mixture : Tensor, shape (batch, samples)

    Returns
    -------
    Tensor, shape (batch, stems, samples)
    """
    lacking = mixture[:, None] - stems.sum(1, keepdim=True)
    return stems + lacking / stems.shape[1]


def _by_second(y):
    """Energies of each second, (…, seconds)."""
    return (y**2).unflatten(-1, (-1, RATE)).sum(-1)


def _mixed(songs, labels, rng, as_it_is):
    """Stems (stems, samples) of one song or of several, disturbed; one channel each."""
    stems = np.zeros((len(labels), SECONDS * RATE), np.float32)
    for number, channels, place, semitones in drawn(songs, labels, rng, as_it_is):
        y = channels[rng.integers(len(channels))]
        if as_it_is:
            y = _cut(y, SECONDS * RATE, place)
        else:
            # in another key, and as much faster; lengths that are fast to transform
            n = 160 * round(SECONDS * RATE * 2 ** (semitones / 12) / 160)
            y = _disturbed(_cut(y, n, place), SECONDS * RATE, rng)
        stems[number] = y
    return stems


def _cut(y, n, place):
    """So many samples from a place, 0 to 1; what is not there is silence."""
    first = int(place * max(1, len(y) - n + 1))
    y = y[first : first + n]
    return np.pad(y, (0, n - len(y)))


def _disturbed(y, n, rng):
    """Samples as so many, through an equaliser, at another loudness and polarity."""
    spectrum, n_bins = rfft(y), n // 2 + 1
    spectrum = np.pad(spectrum[:n_bins], (0, max(0, n_bins - len(spectrum))))
    frequencies = np.maximum(rfftfreq(n, 1 / RATE), 20)
    spectrum = disturb.equalise(spectrum[:, None], frequencies, rng, 5.0)[:, 0]
    gain = 10 ** (rng.normal(0, 5) / 20) * rng.choice([-1, 1])
    return irfft(spectrum, n) * np.float32(gain * n / len(y))


def separate(
    network: type[nn.Module],
    mixture: np.ndarray,
    state: dict[str, np.ndarray],
    n_stems: int,
    device: str = "cpu",
) -> np.ndarray:
    """Separate each channel of a recording by itself, all of it at once.

    Parameters
    ----------
    network : type
    mixture : ndarray, shape (channels, samples)
        At `RATE`, of a root mean square of about 1.
    state : dict of str to ndarray
        What `fit` gave.
    n_stems : int
        As many as there are labels.
    device : str
        PyTorch's name of where to compute.

    Returns
    -------
    ndarray of float32, shape (stems, channels, samples)
        They sum to the mixture.
    """
    built = load(network(n_stems), state, device)
    stems = np.empty((n_stems, *mixture.shape), np.float32)
    for channel, y in enumerate(mixture):
        x = torch.tensor(y[None], dtype=torch.float32, device=device)
        with torch.no_grad():
            stems[:, channel] = consistent(built(x), x)[0].cpu().numpy()
    return stems
