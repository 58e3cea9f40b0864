"""Stems of any songs mixed anew, and the training of networks that part them again."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from musaic_core.data.errors import InputError
from musaic_core.learned.training import halved, held_out, train

BATCH = 4  # examples a step
CHECKED = 32  # examples of held-out recordings
TOGETHER = 0.4  # share of examples whose stems are of one song and place
SILENT = 0.07  # share of stems that are left out of an example
QUIETEST = -25.0  # dB beside the mixture: a smaller error is not worth learning from


def train_to_separate(
    build: Callable[[], nn.Module],
    example: Callable[..., Sequence[np.ndarray]],
    loss: Callable[..., Tensor],
    recordings: Sequence[tuple[str, dict[str, np.ndarray]]],
    labels: Sequence[str],
    *,
    seed: int,
    **options: Any,
) -> dict[str, np.ndarray]:
    """Train a network on mixtures, and check it on those of recordings held out.

    Parameters
    ----------
    build : callable
        ``build()`` makes the network.
    example : callable
        ``example(songs, rng, as_it_is)`` gives the arrays of one mixture, of which the
        network is called with the first.
    loss : callable
        ``loss(output, *others)``, as `train` takes it.
    recordings : sequence of (str, dict of str to ndarray)
        Id of each, and its stems; some may be missing.
    labels : sequence of str
        Names of the stems.
    seed : int
        Of the weights at the start, and of all that is drawn.
    **options
        As `train` takes them: steps, of `BATCH` examples, minutes, device, checkpoints.

    Returns
    -------
    dict of str to ndarray
        Weights, kernels in half precision.

    Raises
    ------
    InputError
        A stem is in none of the recordings.
    """
    learned, apart = split(recordings, labels, seed)

    def batch(songs, rng, as_it_is=False):
        examples = [example(songs, rng, as_it_is) for _ in range(BATCH)]
        return [np.stack(arrays) for arrays in zip(*examples, strict=True)]

    rng = np.random.default_rng(seed)
    n_checks = CHECKED // BATCH if apart else 0
    state = train(
        build,
        lambda rng: batch(learned, rng),
        loss,
        check=[batch(apart, rng, as_it_is=True) for _ in range(n_checks)],
        seed=seed,
        rate=3e-3,
        **options,
    )
    return halved(state)


def in_decibels(errors: Tensor) -> Tensor:
    """Mean of relative energies of errors, in dB: what separation is scored by.

    Parameters
    ----------
    errors : Tensor
        Beside the energy of the mixture.

    Returns
    -------
    Tensor, shape ()
    """
    return 10 * torch.log10(errors + 10 ** (QUIETEST / 10)).mean()


def drawn(
    songs: Sequence[dict[str, np.ndarray]],
    labels: Sequence[str],
    rng: np.random.Generator,
    as_it_is: bool,
) -> Iterator[tuple[int, np.ndarray, float, float]]:
    """Draw stems of one song, or of several, and how they are to be changed.

    Parameters
    ----------
    songs : sequence of dict of str to ndarray
        Stems of each; some may be missing.
    labels : sequence of str
        Names of the stems.
    rng : numpy.random.Generator
    as_it_is : bool
        Whether they are of one song, and none is left out that is there.

    Yields
    ------
    int
        Which of the labels a stem is of; those that are to be silent are not given.
    ndarray
        All of the stem.
    float
        From where in it to take the example, from 0 to 1.
    float
        Semitones to transpose it by.
    """
    song = songs[rng.integers(len(songs))]
    together, start = as_it_is or rng.random() < TOGETHER, rng.random()
    semitones = rng.uniform(-4, 4)
    for number, name in enumerate(labels):
        if not together:
            having = [song for song in songs if name in song]
            song, start = having[rng.integers(len(having))], rng.random()
            semitones = rng.uniform(-4, 4)
        if name in song and (as_it_is or rng.random() >= SILENT):
            yield number, song[name], start, semitones


def split(
    recordings: Sequence[tuple[str, dict[str, np.ndarray]]],
    labels: Sequence[str],
    seed: int,
) -> tuple[list[dict[str, np.ndarray]], list[dict[str, np.ndarray]]]:
    """Choose the recordings that are held out, where the others have all stems.

    Parameters
    ----------
    recordings : sequence of (str, dict of str to ndarray)
        Id of each, and its stems; some may be missing.
    labels : sequence of str
        Names of the stems that are to be learned.
    seed : int

    Returns
    -------
    learned, apart : list of dict of str to ndarray
        Stems to learn from, and those that are held out, if any.

    Raises
    ------
    InputError
        A stem is in none of the recordings.
    """
    for apart in (held_out((name for name, _ in recordings), seed), set()):
        learned = [stems for name, stems in recordings if name not in apart]
        if all(any(label in stems for stems in learned) for label in labels):
            return learned, [stems for name, stems in recordings if name in apart]
    raise InputError(f"no training recording has all of {', '.join(labels)} to learn")
