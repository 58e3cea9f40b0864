"""The contract between tasks, models and corpora.

**Corpora** give `Track`s (`musaic_core.data.recording`): ``train``, to learn from, and
``test``, to be scored on. A track knows what its corpus knows: notes, stems, beats,
sections. Of ``test``, models get `Recording`s, which can be heard and no more.

**A task** says what is asked for (``answers``: notes, stems, sections, …), what a model
is given, and how an answer is made of what a model found. Each is a subclass of `Task`
in a package of its own; its objective (``objectives/``) scores the answers.

**A model** is a solver (``solvers/``), of one of three kinds:

- *low-rank*: ``factorize(V, given)`` approximates a nonnegative array and gives back a
  `Model`. It knows no music. What V's axes are, each task says; which axes it takes,
  the solver says.
- *learned*: ``fit(train, given)`` learns from tracks and gives its state, a dict of
  arrays; ``predict(recording, state, given)`` uses it. The state is kept and used again
  wherever the same solver with the same parameters, training material and seed is asked
  for, also by another task that learns as this one does (``learns_as``).
- *anything else*: ``predict(recording, given)``.

A low-rank solver may learn too: with a ``fit``, it is ``factorize(V, state, given)``.
``predict`` gives an answer, or, where the solver says that it ``describes``, a
description of the kind that the task decodes: saliences of pitches, spectrograms of
stems, a vector a bar. Every `Model` of a low-rank solver becomes such a description.
One decoder, tuned on ``train`` in the same way for each model, makes answers of them.

**What models are given** besides V is a `Given`: names of the axes, frequencies, frame,
complex spectrum, a dictionary of what was heard alone, a user's hints, seed and device.
Where V is magnitudes, low-rank models are given them as compressed as the task says; a
model of powers, as with the Itakura-Saito divergence, says so by its ``exponent`` of 2.
Dictionaries are learned of the same. What models share is computed off their clocks.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import numpy as np

from musaic_core.data.errors import InputError, reason_of, report_once
from musaic_core.data.recording import Recording, Track
from musaic_core.tasks.dictionary import Dictionary
from musaic_core.tasks.estimate import Estimate
from musaic_core.tasks.given import Given, Hint

Axes = tuple[str | None, ...]


class Model(Protocol):
    """What a low-rank solver gives back, whatever its shape or depth.

    It has C components, as many as it means to. All decoders, masks and remixes work
    from these members and ask for no more. Arrays are NumPy's or PyTorch's.
    """

    templates: Any  # (F, C): a spectrum a component
    activations: Any  # (C, T): how strong each is in time, all axes after the first
    labels: Any  # (C,): what each stands for, a pitch or a stem; None: not known
    n_parameters: int  # numbers that the model is made of

    def reconstruct(self, gains: Any = None) -> Any:
        """Approximate V, each component times its gain.

        Parameters
        ----------
        gains : array, shape (C,) or (C, T), optional
            One a component, or one a component and column; by default all are 1.

        Returns
        -------
        array
            Of V's shape.
        """

    def loudness(self) -> Any:
        """How much each component adds to V in time, summed over frequency.

        Returns
        -------
        array, shape (C, T)
        """

    def along_last_mode(self, n_entries: int) -> Any:
        """Say how much of each pattern each entry of V's last axis has.

        Parameters
        ----------
        n_entries : int
            The size of that axis.

        Returns
        -------
        array, shape (n_entries, number of patterns)
            In units of the patterns' norms.
        """


class Task:
    """A task's recordings, to learn from and to be scored on, and its decoder.

    A subclass names what it ``answers``. One that factorizations can serve lists the
    ``axes`` of the V that it offers and defines `represent`, `describe` and `tune`;
    one that takes descriptions of other models defines `tune`.

    Parameters
    ----------
    train : iterable of Track
        What models and decoders may learn from.
    test : iterable of Track or Recording
        What they are scored on: kept as recordings.
    seed : int
        Of the task's own random choices.
    hints : dict of str to list of Hint or Exception, optional
        What users have said, by the recordings' ids, or why it can't be read.

    Attributes
    ----------
    answers : str
        Class attribute: what it asks for, as solvers name it in theirs.
    axes : tuple of tuples of str
        Class attribute: axes of each V that it offers, frequency first.
    learns_dictionary : bool
        Class attribute: whether it learns a dictionary where corpora have material.
    has_train : bool
        Class attribute: whether corpora bring recordings to learn from.
    learns_as : type or None
        Class attribute: the task whose learned states serve this one too, if any do.
    decoded_by : tuple of str
        Class attribute: parameters of its objective that change no learned state.
    decodes_hints : bool
        Class attribute: whether its decoder takes hints as well, of any model.
    magnitudes : bool
        Whether V is magnitudes: a model of powers is then given their squares.
    compression : float
        Power of magnitudes that all other low-rank models are given.
    sounds_alone : bool
        Class attribute: whether what a hint says to sound does so alone.
    labels : list
        What its answers and hints speak of, such as names of stems.
    folds : list of callable
        Each makes a task of one test recording and the others to learn from, if any.
    """

    answers: str
    axes: tuple[tuple[str, ...], ...] = ()
    learns_dictionary = False
    has_train = True
    learns_as: type[Task] | None = None
    decoded_by: tuple[str, ...] = ()
    decodes_hints = False
    magnitudes = False
    compression = 1.0
    sounds_alone = False
    frequencies: np.ndarray | None = None
    frame: float | None = None
    labels: Sequence = ()
    folds: Sequence[Callable[[], Task]] = ()

    def __init__(
        self,
        train: Iterable[Track],
        test: Iterable[Track | Recording],
        seed: int = 0,
        hints: dict[str, list[Hint] | Exception] | None = None,
    ) -> None:
        self.train = list(train)
        self.test = [Recording(t) if isinstance(t, Track) else t for t in test]
        self.seed = seed
        self.hints = hints or {}

    @property
    def dictionary(self) -> Dictionary | None:
        """Spectra of what was heard alone, or None where there is nothing."""
        return self.dictionary_of(1)

    def dictionary_of(self, exponent: float) -> Dictionary | None:
        """Give the dictionary of magnitudes to a power; None if there is none.

        Parameters
        ----------
        exponent : float

        Returns
        -------
        Dictionary or None
        """

    def adapted(self, dictionary: Dictionary, given: Given) -> Dictionary:
        """Adapt a dictionary to a recording of which a user has said something.

        Parameters
        ----------
        dictionary : Dictionary
            Of what was heard alone.
        given : Given
            The recording with its hints.

        Returns
        -------
        Dictionary
        """
        return dictionary

    @property
    def recordings(self) -> list[Track]:
        """All the tracks that may be learned from."""
        return self.train

    def misfit(self, solver: Any) -> str | None:
        """Say why a solver makes no sense on these recordings.

        Parameters
        ----------
        solver : musaic_core.benchmark.solver.Solver

        Returns
        -------
        str or None
        """

    def prepare(self, axes: Axes | None, describes: bool) -> None:
        """Compute what all models share, off their clocks.

        Parameters
        ----------
        axes : tuple of str or None
            Of the V that the model looks at, if it does.
        describes : bool
            Whether the decoder is to be tuned on what it says of `train`.
        """

    def represent(self, recording: Recording | Track, axes: Axes) -> np.ndarray:
        """Make V of a recording.

        Parameters
        ----------
        recording : Recording or Track
        axes : tuple of str
            One of the class's ``axes``.

        Returns
        -------
        ndarray of float32
            Nonnegative, frequency first. It is the model's own, to be changed at will.
        """

    def transform(self, recording: Recording | Track) -> np.ndarray:
        """Make the complex spectrum of a recording.

        Parameters
        ----------
        recording : Recording or Track

        Returns
        -------
        ndarray of complex64, shape (channels, frequencies, frames)
        """

    def bars(self, recording: Recording | Track) -> np.ndarray:
        """Find the bars of a recording.

        Parameters
        ----------
        recording : Recording or Track

        Returns
        -------
        ndarray, shape (B + 1,)
            Times at which they begin, s, and at which the last one ends.
        """

    def describe(self, model: Model, given: Given) -> Any:
        """Make a description, such as the decoder takes, of a model's factors.

        Parameters
        ----------
        model : Model
            Of ``given.V``.
        given : Given

        Returns
        -------
        object
            Saliences of pitches, spectrograms of stems, a vector a bar, …
        """

    def tune(self, describe: Callable, keep: Callable = lambda fit: fit()) -> Callable:
        """Tune the task's decoder on the descriptions that a model makes of `train`.

        Parameters
        ----------
        describe : callable
            Takes a recording, gives the model's description of it.
        keep : callable
            Takes a function that fits the decoder, and gives what that does: now, or
            when it was fitted before.

        Returns
        -------
        callable
            ``decode(description, recording)``, with the hints as third argument where
            the task ``decodes_hints``, gives the answer, and what else there is to show
            of how it came about, or None.
        """

    def each(self, tracks: Iterable, estimate: Callable[[Any], Estimate]) -> dict:
        """Call a function on each track and keep going when one fails.

        Parameters
        ----------
        tracks : iterable of Track or Recording
        estimate : callable
            Takes a track, gives an `Estimate`.

        Returns
        -------
        dict of str to Estimate
            By the tracks' ids; with the reason where it failed.

        Raises
        ------
        Exception
            What was raised last, where it failed on all and no track is to blame.
        """
        attempts = list(_attempts(tracks, estimate))
        errors = [error for *_, error in attempts]
        if errors and not any(e is None or isinstance(e, InputError) for e in errors):
            raise errors[-1]
        return {
            track.id: Estimate(error=reason_of(error, track.id)) if error else made
            for track, made, error in attempts
        }

    def learned(
        self, tracks: Iterable, read: Callable[[Any], Any], by_model: bool = False
    ) -> list[tuple]:
        """Call a function on tracks to learn from, and leave out where it fails.

        Parameters
        ----------
        tracks : iterable of Track
            Their ids may repeat, as where two corpora are put together.
        read : callable
            Takes a track, gives whatever is learned from.
        by_model : bool
            Whether it is a model that is called, and to blame if it always fails.

        Returns
        -------
        list of (Track, object)
            Those that can be used, and what was given. A line has told of others.

        Raises
        ------
        Exception
            What was raised last, where a model failed on all tracks.
        """
        attempts = list(_attempts(tracks, read))
        used = [(track, made) for track, made, error in attempts if error is None]
        if by_model and attempts and not used:
            raise attempts[-1][-1]
        return used


def _attempts(tracks, function):
    """Each track, what a function gives of it, and the error if it raises one."""
    for track in tracks:
        try:
            made, error = function(track), None
        except Exception as raised:
            made, error = None, raised
            traceback.clear_frames(error.__traceback__)  # they hold the recording
            report_once(reason_of(error, track.id))
        yield track, made, error


def matching_axes(wanted: Iterable[Axes], offered: Iterable[Axes]) -> Axes | None:
    """Find the first axes on offer that a solver takes; None if there are none.

    Parameters
    ----------
    wanted : iterable of tuple
        The axes that a solver takes; None in a tuple stands for any axis.
    offered : iterable of tuple of str
        Those that a task has.

    Returns
    -------
    tuple of str or None
    """
    for pattern in wanted:
        for axes in offered:
            if len(axes) == len(pattern) and all(
                name in (None, axis) for name, axis in zip(pattern, axes, strict=True)
            ):
                return axes
    return None
