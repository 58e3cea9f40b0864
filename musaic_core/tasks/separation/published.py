"""What solvers share that run separators as published: with weights that are there."""

from collections.abc import Callable
from textwrap import shorten

import numpy as np

from musaic_core.data.errors import InputError
from musaic_core.tasks.separation.waveforms import resampled


class Published:
    """Of a solver: a separator of stereo at its ``rate`` into ``stems``.

    The solver defines ``load()``, which gives its ``network`` with the weights, and
    ``separate(mixture)``, which takes (2, samples) and gives stems (stems, 2, samples).
    Mono is heard from both sides. Stems of other names than those
    that are asked for are matched to these as those of a folder are. Where the weights
    do not come with the package, ``weights`` says where they lie; if they can't be
    used, a run says why in one line and goes on.
    """

    answers = "stems"
    rate = 44_100  # Hz; nothing above half of it is in the stems
    stems: tuple[str, ...] = ("drums", "bass", "other", "vocals")
    network = None  # until it is loaded

    @classmethod
    def misfit_of(cls, parameters, task):
        if parameters.get("weights", "") is None:
            return (
                f"it needs weights: -s \"{cls.name}[weights='…']\" says where they lie"
            )
        return super().misfit_of(parameters, task)

    def prepare(self):
        """Load the network, off the clock, unless `misfit` has done so."""
        if self.network is None:
            self.network = self.load()
            self.n_parameters = sum(p.numel() for p in self.network.parameters())

    def misfit(self, task):
        if hasattr(self, "weights"):  # a file of the user's, which may be any
            try:
                self.prepare()
            except InputError as error:
                return str(error)
            except Exception as error:
                # what follows in PyTorch's messages is advice for programmers
                first, *_ = str(error).split(". ")
                told = f"{self.weights}: {type(error).__name__}: {first}"
                return shorten(told, 240)
        if not set(self.stems) & set(task.labels):
            return f"it separates {', '.join(self.stems)}; none of them is asked for"

    def predict(self, recording, given):
        """Separate a recording.

        Parameters
        ----------
        recording : Recording or Track
        given : Given
            What the task tells of it.

        Returns
        -------
        dict of str to ndarray, shape (channels, samples)
            By the names of the model's stems.
        """
        y, sr = recording.audio()
        sides = np.broadcast_to(y, (2, y.shape[1])) if len(y) == 1 else y
        made = self.separate(resampled(sides, sr, self.rate))
        if len(y) == 1:
            made = made.mean(1, keepdims=True)
        made = (resampled(stem, self.rate, sr, y.shape[1]) for stem in made)
        return dict(zip(self.stems, made, strict=True))


def in_windows(
    y: np.ndarray, n: int, separate: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Separate a recording window by window, each faded into the next.

    Parameters
    ----------
    y : ndarray, shape (channels, samples)
    n : int
        Samples of a window, an even number. They overlap by half.
    separate : callable
        Takes (channels, n), gives (stems, channels, n).

    Returns
    -------
    ndarray, shape (stems, channels, samples)
    """
    half, length = n // 2, y.shape[1]
    n_windows = 1 + -(-length // half)
    padded = np.pad(y, [(0, 0), (half, n_windows * half - length)])
    fade = np.sin(np.pi * (np.arange(n) + 0.5) / n).astype(np.float32) ** 2
    total = None
    for first in range(0, n_windows * half, half):
        made = separate(padded[:, first : first + n]) * fade
        if total is None:
            total = np.zeros((*made.shape[:2], padded.shape[1]), np.float32)
        total[..., first : first + n] += made
    return total[..., half : half + length]
