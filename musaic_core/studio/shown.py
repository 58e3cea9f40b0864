"""What a recording's pages are shown of what models have answered."""

from typing import NamedTuple

from musaic_core.studio.analysis import Analysis


class Shown(NamedTuple):
    """The last answer, and those that it is compared with.

    Parameters
    ----------
    version : int
        Of the recording's state.
    question, model : str
        That was asked; empty before there is an answer.
    analysis : Analysis or None
        The answer.
    before : Analysis or None
        What was answered before what was said last.
    guess : Analysis or None
        The quick answer to the same, before the model listened once more.
    """

    version: int
    question: str
    model: str
    analysis: Analysis | None
    before: Analysis | None
    guess: Analysis | None
