"""Guidance: a user who says what is wrong with an answer, and what that is worth.

A model answers. A simulated user, who knows the reference, listens to every other five
seconds, or twenty where sections are asked for, and says what is wrong there as a few
`Hint`s, beginning with what a listener would notice first. The model answers again with
these. Both answers are scored on the seconds that the user did not listen to: to repeat
what was said earns nothing, and what is gained there is gained by understanding it.
Models see the hints, and never the reference.

Were it scored on all that no hint is about, that would be what the first answer had
right, and whatever else a model said of it would be worse.

What there is to correct, in which order, and how the rest is scored, each task says in
a module ``guidance`` of its own. `docs/steerability_and_interpretability.md` says what
the numbers mean.
"""

import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from musaic_core.data.errors import InputError, reason_of
from musaic_core.data.hints import Hint, read_hints
from musaic_core.data.recording import Recording, Track
from musaic_core.tasks.base import Task
from musaic_core.tasks.estimate import Estimate

LISTENING = 5.0  # s that a user listens to, and after which as many are left out


def listened(
    times: np.ndarray, margin: float = 0.0, seconds: float = LISTENING
) -> np.ndarray:
    """Say when the user listens, and hints are about.

    Parameters
    ----------
    times : ndarray
        s.
    margin : float
        s before and after it that count too.
    seconds : float
        That the user listens to, and leaves out.

    Returns
    -------
    ndarray of bool
    """
    around = np.add.outer([-margin, margin], times)
    return (np.floor(around / seconds) % 2 == 0).any(0)


def until(start: float, end: float, seconds: float = LISTENING) -> float:
    """The end of what begins at a time, or that of the user's listening.

    Parameters
    ----------
    start, end : float
        s.
    seconds : float
        As in `listened`.

    Returns
    -------
    float
        s.
    """
    return min(end, (np.floor(start / seconds) + 1) * seconds)


class User:
    """Someone who says what is wrong with answers.

    None of its attributes leads to the references, so that no model comes upon them.

    Parameters
    ----------
    references : mapping of str to Track
        By the recordings' ids.
    corrections : callable
        ``corrections(track, answer)`` lists all hints that there are to be given, what
        a listener notices first coming first.
    n_hints : int
        How many are given at most.
    wrong : float
        Share of the hints that say the opposite.
    seed : int
        Draws which these are.
    """

    __slots__ = ("__weakref__",)

    def __init__(
        self,
        references: Mapping[str, Any],
        corrections: Callable[[Any, Any], list[Hint]],
        n_hints: int,
        wrong: float = 0.0,
        seed: int = 0,
    ) -> None:
        _knowledge[self] = references, corrections, n_hints, wrong, seed

    def hints_on(self, recording_id: str, answer: Any) -> tuple[Hint, ...]:
        """Say what is wrong with an answer.

        Parameters
        ----------
        recording_id : str
        answer : object
            Of the task's kind.

        Returns
        -------
        tuple of Hint
            The first of those that more hints would begin with.
        """
        references, corrections, n_hints, wrong, seed = _knowledge[self]
        hints = corrections(references[recording_id], answer)[:n_hints]
        rng = np.random.default_rng([seed, zlib.crc32(recording_id.encode())])
        return tuple(
            replace(hint, sounds=not hint.sounds) if drawn < wrong else hint
            for hint, drawn in zip(hints, rng.random(len(hints)), strict=True)
        )


# Not attributes of the user, which a model could look at.
_knowledge: WeakKeyDictionary = WeakKeyDictionary()


def answer_guided(
    task: Task,
    test: Iterable[Recording],
    estimate: Callable[[Recording], Estimate],
    user: User | None,
    again: Callable[[Recording, tuple[Hint, ...]], Estimate] | None,
) -> dict[str, Estimate]:
    """Answer, and once more with what a user says of the answers.

    Parameters
    ----------
    task : Task
    test : iterable of Recording
    estimate : callable
        Takes a recording.
    user : User or None
        None where nobody says anything.
    again : callable or None
        Takes a recording and hints; None where a model does not use hints, so that
        its answers stay as they were.

    Returns
    -------
    dict of str to Estimate
        By the recordings' ids.
    """
    first = task.each(test, estimate)
    if user is None:
        return first

    def answer(recording):
        before = first[recording.id]
        hints = user.hints_on(recording.id, before.answer)
        after = again(recording, hints) if again and hints else before
        return replace(after, hints=hints, before=before.answer)

    return first | task.each([r for r in test if not first[r.id].error], answer)


def replayed(
    files: Mapping[str, Path], tracks: Iterable[Track], parts: Iterable[Track]
) -> dict[str, list[Hint] | InputError]:
    """Read what users have said of recordings, at the times of what is analysed.

    Parameters
    ----------
    files : mapping of str to Path
        As `read_hints` reads them, by the tracks' ids.
    tracks : iterable of Track
        Whose times the files have.
    parts : iterable of Track
        What is analysed of each: all of it, or a part amid it.

    Returns
    -------
    dict of str to list of Hint or InputError
        By the tracks' ids, or why they can't be read.
    """

    def read(track, part):
        try:
            begin = (track.duration - part.duration) / 2
            hints = [
                replace(hint, start=hint.start - begin, end=hint.end - begin)
                for hint in read_hints(files[track.id])
            ]
        except Exception as error:
            return InputError(reason_of(error, track.id))
        return [hint for hint in hints if hint.start < part.duration and hint.end >= 0]

    pairs = zip(tracks, parts, strict=True)
    return {track.id: read(track, part) for track, part in pairs if track.id in files}


def learned_with(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of an objective that what is learned depends on.

    Parameters
    ----------
    parameters : mapping of str to object

    Returns
    -------
    dict of str to object
        Without those that say what users do with what has been learned.
    """
    return {n: v for n, v in parameters.items() if n not in ("hints", "wrong_hints")}


def gains(before: float, after: float, n_hints: int) -> dict[str, float]:
    """The columns of a guided answer.

    Parameters
    ----------
    before, after : float
        Scores of what the user did not listen to, without and with the hints.
    n_hints : int
        That were given.

    Returns
    -------
    dict of str to float
    """
    gain = after - before
    return {
        "value": after,
        "value_before": before,
        "n_hints": n_hints,
        "steering_gain": gain,
        "gain_per_hint": gain / n_hints if n_hints else 0.0,
    }
