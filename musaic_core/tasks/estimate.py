"""What a model made of a recording."""

from dataclasses import dataclass
from typing import Any

from musaic_core.tasks.given import Hint


@dataclass
class Estimate:
    """What a model made of one recording.

    Parameters
    ----------
    answer : object
        What the task asks for; None where the model failed.
    model : Model or None
        The factors that the answer was decoded from.
    evidence : object
        What else the decoder has to show, such as a self-similarity.
    n_parameters : int
        Numbers that the model consists of for this recording.
    error : str
        Why there is no answer.
    time_predict : float
        Seconds that the recording took.
    hints : tuple of Hint
        What a user said of an earlier answer, which this one was then made with.
    before : object
        That answer.
    """

    answer: Any = None
    model: Any = None
    evidence: Any = None
    n_parameters: int = 0
    error: str = ""
    time_predict: float = 0.0
    hints: tuple[Hint, ...] = ()
    before: Any = None
