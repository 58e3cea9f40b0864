"""What every task shares: running a model over recordings, one at a time."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from musaic_core.data.track import InputError, Track


@dataclass
class Estimate:
    """A model's answer for one recording.

    Parameters
    ----------
    answer : Notes or other, or None
        What the task asks for; None where the model failed.
    factorization : NMF, NCP, NTD or None
        The factors that the answer was decoded from.
    labels : array-like or None
        What each of its templates stands for, such as a pitch.
    n_parameters : int
        Numbers that the model consists of for this recording.
    error : str
        Why there is no answer.
    """

    answer: Any = None
    factorization: Any = None
    labels: Any = None
    n_parameters: int = 0
    error: str = ""


class Task:
    """A task's recordings: to learn from, and to be scored on.

    Parameters
    ----------
    train, test : iterable of Track
        What models and decoders may learn from, and what they are scored on.
    asks_for : str
        What an answer is: notes, stems, sections, …
    """

    def __init__(self, train: Iterable[Track], test: Iterable[Track], asks_for: str):
        self.train = list(train)
        self.test = list(test)
        self.asks_for = asks_for

    @property
    def recordings(self) -> list[Track]:
        """All the recordings that the task's scores depend on."""
        return self.train + self.test

    def prepare(self, modes: int = 2) -> None:
        """Compute what all models share, off their clocks.

        Parameters
        ----------
        modes : {2, 3}
            Of the V that the model will ask for.
        """

    def predict(self, model: Callable[[Track], Any], n_parameters: int = 0):
        """Estimate each test recording with a model that maps a track to an answer.

        Parameters
        ----------
        model : callable
            Takes a `Track`, gives the answer that the task scores.
        n_parameters : int
            Size of the model.

        Returns
        -------
        dict of str to Estimate
            By track id. A recording that can't be processed has an estimate with
            the reason and costs the others nothing.
        """
        return self.each(
            self.test, lambda track: Estimate(model(track), n_parameters=n_parameters)
        )

    def each(self, tracks: list[Track], estimate: Callable[[Track], Estimate]):
        """Call `estimate` on each track; keep going when one fails."""
        estimates, failures = {}, []
        for track in tracks:
            try:
                estimates[track.id] = estimate(track)
            except Exception as error:
                failures.append(error)
                reason = str(error)
                if not isinstance(error, InputError):
                    reason = f"{track.id}: {type(error).__name__}: {reason}"
                report_once(reason)
                estimates[track.id] = Estimate(error=reason)
        broken_model = not any(isinstance(error, InputError) for error in failures)
        if failures and len(failures) == len(tracks) and broken_model:
            raise failures[0]
        return estimates


_reported = set()


def report_once(message: str) -> None:
    """Print a line, unless this process has printed it before."""
    if message not in _reported:
        _reported.add(message)
        print(f"! {message}", flush=True)
