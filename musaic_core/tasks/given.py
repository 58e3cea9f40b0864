"""What a model is told of a recording besides V."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from musaic_core.data.errors import reason_of, report_once
from musaic_core.data.hints import Hint
from musaic_core.data.recording import Recording, Track
from musaic_core.lowrank.annotated import with_annotations
from musaic_core.lowrank.models import NMF
from musaic_core.tasks.components import as_arrays
from musaic_core.tasks.dictionary import Dictionary
from musaic_core.tasks.regions import allowed_entries

WARM = 2  # times fewer iterations from a start than from nowhere
LEAST = 0.01  # of a start that knows nothing, in one that knows something


class Given:
    """What a model is told of a recording, or, in ``fit``, of the task alone.

    Parameters
    ----------
    task : Task
    axes : tuple of str
        Names of the axes of V.
    recording : Recording or Track, optional
    seed : int
        For every random choice of the model.
    supervised : bool
        Whether there is a dictionary to be seen: there is none for blind models.
    exponent : float, optional
        Power that the model wants magnitudes to be taken to; the task's ``compression``
        if it does not say.
    hints : tuple of Hint
        What a user has said of the recording, besides what the task has.

    Attributes
    ----------
    axes, recording, seed
        As above.
    exponent : float
        Power of magnitudes that V and the dictionary are; 1 where the task has none.
    frequencies : ndarray, shape (F,)
        Centre of each row of V, Hz.
    frame : float
        Time between two frames, s.
    dictionary : Dictionary or None
        What was heard alone; None where there is nothing, or for a blind model.
    checkpoints : Path or None
        In ``fit``, a folder to keep in how far a training has come: it is the same one
        if the training was interrupted, and goes when its state is there.
    start : Model or None
        What the same model gave of the same V before the user said more of it: what it
        may begin from, and then needs few iterations more.
    """

    checkpoints: Path | None = None
    start: Any = None
    _whole: Given | None = None  # of whose recording it is a part
    _first = 0  # column of the recording's V that this one begins with

    def __init__(
        self,
        task,
        axes,
        recording=None,
        seed=0,
        supervised=True,
        exponent=None,
        hints=(),
    ):
        exponent = task.compression if exponent is None else exponent
        self.exponent = exponent if task.magnitudes else 1
        self._task = task
        self._supervised = supervised
        self._hints = tuple(hints)
        self.recording = recording
        self.axes = axes
        self.seed = seed

    def of(self, recording: Recording | Track) -> Given:
        """What the same model is told of another recording.

        Parameters
        ----------
        recording : Recording or Track

        Returns
        -------
        Given
        """
        told = self._task, self.axes, recording, self.seed, self._supervised
        return Given(*told, self.exponent)

    def part(self, frames: slice) -> Given:
        """What the same model is told of a part of the recording.

        Parameters
        ----------
        frames : slice
            Of V's columns, which are times.

        Returns
        -------
        Given
            With the dictionary that all of it has, adapted to all that was said.
        """
        part = copy(self)
        part.V = self.V[:, frames]
        part._whole = self
        part._first = self._first + frames.start
        return part

    def read(self, tracks: Iterable[Track]) -> Iterator[tuple[Track, np.ndarray]]:
        """Give each track that can be read, and its V, one at a time.

        Parameters
        ----------
        tracks : iterable of Track

        Yields
        ------
        track : Track
        V : ndarray
            With these axes.
        """
        for track in tracks:
            try:
                yield track, self.of(track).V
            except Exception as error:
                report_once(reason_of(error, track.id))

    @cached_property
    def V(self) -> np.ndarray:  # noqa: N802
        """What low-rank models factorize: nonnegative, float32, frequency first."""
        V = self._task.represent(self.recording, self.axes)
        return V if self.exponent == 1 else V**self.exponent

    @cached_property
    def spectrum(self) -> np.ndarray:
        """Short-time Fourier transform, complex64, (channels, frequencies, frames)."""
        return self._task.transform(self.recording)

    @cached_property
    def device(self) -> str:
        """Where PyTorch is to compute: "cuda" where there is a GPU, else "cpu"."""
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"

    @cached_property
    def rate(self) -> int:
        """Sampling rate of the recording, Hz."""
        return self.recording.audio()[1]

    @cached_property
    def bars(self) -> np.ndarray:
        """Times at which bars begin, s, and at which the last one ends, (B + 1,)."""
        return self._task.bars(self.recording)

    @cached_property
    def dictionary(self) -> Dictionary | None:
        if not self._supervised:
            return None
        if self._whole is not None:
            return self._whole.dictionary
        learned = self._task.dictionary_of(self.exponent)
        learned = learned and learned.cut(self._n_rows)
        if learned is None or not self.hints:
            return learned
        return self._task.adapted(learned, self)

    def magnitudes_of(self, model):
        """A model as one of magnitudes: each component to the power that undoes V's.

        Parameters
        ----------
        model : Model
            Of `V`.

        Returns
        -------
        Model
            The model itself, if it is of magnitudes. As figures show it, and pages play
            it: it does not sum to the magnitudes of V.
        """
        if self.exponent == 1:
            return model
        root = 1 / self.exponent
        W, H = as_arrays(model)
        return NMF(W**root, H**root, labels=model.labels)

    @property
    def isolated(self) -> list[Track]:
        """Recordings of single notes, to learn from in ``fit``, if there are some."""
        return getattr(self._task, "isolated", [])

    @property
    def frequencies(self) -> np.ndarray:
        """Centre of each row of V, Hz; None where the task has none."""
        frequencies = self._task.frequencies
        return None if frequencies is None else frequencies[: self._n_rows]

    @property
    def _n_rows(self):
        """Rows of V, which at a low sampling rate are not all that the task has."""
        return None if None in (self.axes, self.recording) else len(self.V)

    @property
    def frame(self) -> float:
        """Time between two frames, s."""
        return self._task.frame

    @property
    def labels(self) -> list:
        """What answers can speak of: MIDI note numbers, names of stems."""
        return self._task.labels

    @property
    def hints(self) -> tuple[Hint, ...]:
        """What a user has said of the recording, in words that the task knows.

        Raises
        ------
        InputError
            The file that they are kept in can't be read.
        """
        # what is learned from may have the name of what was spoken of
        is_asked = any(self.recording is recording for recording in self._task.test)
        of_task = self._task.hints.get(self.recording.id, ()) if is_asked else ()
        if isinstance(of_task, Exception):
            raise of_task
        said = (*of_task, *self._hints)
        if self._whole is not None:
            said = self._of_part(said)
        return tuple(
            hint for hint in said if hint.label in (self.labels or [hint.label])
        )

    def _of_part(self, hints):
        """Those hints that are about the part, in its own times."""
        begin, n = self._first * self.frame, self.V.shape[1]
        there = (h for h in hints if h.start < begin + n * self.frame and h.end > begin)
        return [
            replace(h, start=max(h.start - begin, 0.0), end=h.end - begin)
            for h in there
        ]

    def frames_of(self, hint: Hint) -> slice:
        """The frames of a hint's stretch.

        Parameters
        ----------
        hint : Hint

        Returns
        -------
        slice
        """
        times = np.maximum([hint.start, hint.end], 0)
        return slice(*np.round(times / self.frame).astype(int))

    def allowed(self, labels: np.ndarray, n_frames: int) -> np.ndarray:
        """Where hints leave components with these labels free to sound.

        Parameters
        ----------
        labels : array-like, shape (C,)
        n_frames : int

        Returns
        -------
        ndarray of bool, shape (C, n_frames)
        """
        labels = np.asarray(labels)
        if self._task.sounds_alone:
            named = labels[:, None] == np.asarray(self.labels)
            free = self._allowed_entries(n_frames).any(1)
            return (named @ free) | ~named.any(1, keepdims=True)
        mask = np.ones((len(labels), n_frames), bool)
        for hint in self.hints:  # what is said later holds
            if not hint.is_region:
                mask[labels == hint.label, self.frames_of(hint)] = hint.sounds
        return mask

    def _allowed_entries(self, n_frames):
        """Where hints leave each of the task's labels something of V's rows."""
        place = self.frequencies, self.frame, n_frames
        return allowed_entries(self.hints, self.labels, *place)

    def begun(self, H: np.ndarray, n_iter: int) -> tuple[np.ndarray, int]:
        """Activations to begin from, and how many iterations they need.

        Parameters
        ----------
        H : ndarray, shape (C, T)
            What a fit would begin from that knows nothing.
        n_iter : int
            How many iterations it would then have.

        Returns
        -------
        H : ndarray, shape (C, T)
            Those of `start`, where there is one; those of entries that the dictionary
            has only now are as they were.
        n_iter : int
            A part of it then, `WARM` times smaller.
        """
        known = None if self.start is None else np.asarray(self.start.activations)
        if known is None or len(known) > len(H) or known.shape[1] != H.shape[1]:
            return H, n_iter
        H = H.copy()
        # what is zero would stay so: hints may have said it
        H[: len(known)] = np.maximum(known, LEAST * H[: len(known)])
        return H, max(1, n_iter // WARM)

    def mask(self, labels: np.ndarray | None) -> dict[str, np.ndarray] | None:
        """What `allowed` says of V's frames, as factorizations take it.

        Parameters
        ----------
        labels : array-like, shape (C,), or None
            Of the components, where they are known.

        Returns
        -------
        dict of str to ndarray of bool, shape (C, T), or None
            The mask of ``activations``; None where nothing is said, or where V has no
            frames that could be told apart.
        """
        if labels is None or not self.hints or self.axes[1] != "time":
            return None
        return {"activations": self.allowed(labels, self.V.shape[1])}

    def told_apart(self, V: np.ndarray, W: np.ndarray) -> tuple:
        """Data and templates, with the rows by which regions are told to a fit.

        Parameters
        ----------
        V : ndarray, shape (F, T)
        W : ndarray, shape (F, R)
            The dictionary's templates, which are to be held.

        Returns
        -------
        V, W, weights : ndarray
            As `with_annotations` gives them; where no region is told of, V and W as
            they were, and None.
        """
        if not any(h.is_region for h in self.hints) or not self._task.sounds_alone:
            return V, W, None
        groups = self.dictionary.labels[:, None] == np.asarray(self.labels)
        allowed = self._allowed_entries(V.shape[1])
        return with_annotations(V, W, groups.argmax(1), allowed)
