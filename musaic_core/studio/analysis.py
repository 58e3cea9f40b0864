"""A recording through a model: in parts, with progress, and again after a correction.

What a model says of the recording is found part by part, and decided on as a whole by
the task's decoder, as in a benchmark. After a correction only those parts are computed
anew that it changes something of, each from where it was.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from musaic_core.data.hints import Hint
from musaic_core.data.recording import Recording
from musaic_core.studio.models import Offer
from musaic_core.tasks.given import Given
from musaic_core.tasks.separation.stored import in_little_memory, room_for
from musaic_core.tasks.separation.task import StemSpectrograms
from musaic_core.tasks.transcription.decoder import Salience

SECONDS = {"low-rank": 30.0}  # of a part
LONGEST = 300.0  # of one for a network, which hears all of what is shorter as a whole
CONTEXT = 3.0  # s before and after a part that a model hears too


class StoppedError(Exception):
    """A user has stopped an analysis."""


@dataclass(frozen=True)
class Part:
    """A part of a recording, and the model of it.

    Parameters
    ----------
    heard : slice
        Columns of the recording's V that the model was given.
    kept : slice
        Those of them that what it says is kept of.
    said : tuple of Hint
        What is about the part.
    model : Model or None
        Of all that was heard.
    """

    heard: slice
    kept: slice
    said: tuple[Hint, ...]
    model: Any

    @property
    def inner(self) -> slice:
        """Columns of the model that are kept."""
        first = self.kept.start - self.heard.start
        return slice(first, first + self.kept.stop - self.kept.start)


@dataclass(frozen=True)
class Analysis:
    """What a model made of a recording.

    Parameters
    ----------
    answer : object
        Notes, stems by their names, or a table of sections.
    evidence : object
        What else the decoder has to show.
    description : object
        What the model said of the whole recording.
    parts : list of Part
    dictionary : Dictionary or None
        That the parts were given.
    frequencies : ndarray or None
        Of the rows of the models' templates, Hz.
    frame : float or None
        Between two columns, s.
    """

    answer: Any
    evidence: Any
    description: Any
    parts: list[Part]
    dictionary: Any = None
    frequencies: np.ndarray | None = None
    frame: float | None = None


def analyse(
    offer: Offer,
    recording: Recording,
    hints: Sequence[Hint] = (),
    first: Analysis | None = None,
    last: Analysis | None = None,
    progress: Callable[[int, int], None] = lambda part, of: None,
    stop: threading.Event | None = None,
) -> Analysis:
    """Ask a model for a recording.

    Parameters
    ----------
    offer : Offer
    recording : Recording
    hints : sequence of Hint
        What the user has said of it.
    first : Analysis, optional
        What the same model made of it before anything was said, and begins from. It
        does not begin from the last one, so that the answer depends on what was said
        and not on the order.
    last : Analysis, optional
        With other hints: what has not changed since is taken from it.
    progress : callable
        Told how many parts are done, and of how many.
    stop : threading.Event, optional
        Ends it, once set, after the part that is computed.

    Returns
    -------
    Analysis

    Raises
    ------
    StoppedError
        It was stopped.
    InputError
        The recording can't be used.
    """
    decode, solver, task = offer.decode, offer.solver, offer.question.task
    task.hints[recording.id] = list(hints)
    given = solver._given(recording)
    dictionary = given.dictionary if offer.has_components else None
    same = last is not None and _same(dictionary, last.dictionary)
    parts, joined, ranges = [], None, _ranges(offer, given)
    for i, (heard, kept) in enumerate(ranges):
        if stop is not None and stop.is_set():
            raise StoppedError
        progress(i, len(ranges))
        said = _said(given, heard) if offer.uses_hints else ()
        if same and last.parts[i].said == said:
            parts.append(last.parts[i])
            found = _cut(last.description, kept)
        else:
            told = given if heard == WHOLE else given.part(heard)
            told.start = first and first.parts[i].model
            found, model = solver._describe(recording, told)
            parts.append(Part(heard, kept, said, model))
            found = _cut(found, parts[i].inner)
        joined = _put(joined, found, kept, ranges[-1][1].stop)
    progress(len(ranges), len(ranges))
    if decode is None:
        return Analysis(joined, None, joined, parts)
    more = (given.hints,) if task.decodes_hints else ()
    answer, evidence = decode(joined, recording, *more)
    if isinstance(joined, StemSpectrograms):
        answer = in_little_memory(answer)  # of several models, before and after
    rows = dictionary and given.frequencies
    return Analysis(answer, evidence, joined, parts, dictionary, rows, given.frame)


WHOLE = slice(0, 0)  # of what is not cut into parts


def _ranges(offer, given):
    """Columns that each part is given, and those of them that are kept."""
    if offer.question.name == "sections" or given.axes is None:
        return [(WHOLE, WHOLE)]  # a section may come again at the other end
    n_frames = given.V.shape[1]
    length = round(SECONDS.get(offer.kind, LONGEST) / given.frame)
    context = round(CONTEXT / given.frame)
    n_parts = max(1, round(n_frames / length))
    edges = np.linspace(0, n_frames, n_parts + 1).round().astype(int).tolist()
    return [
        (slice(max(0, a - context), min(n_frames, b + context)), slice(a, b))
        for a, b in pairwise(edges)
    ]


def _said(given: Given, heard):
    """The hints that are about some columns."""
    if heard == WHOLE:
        return given.hints
    start, end = heard.start * given.frame, heard.stop * given.frame
    return tuple(h for h in given.hints if h.start < end and h.end > start)


def _same(one, other):
    """Whether two dictionaries, if any, are alike."""
    if one is None or other is None:
        return one is other
    return np.array_equal(one.templates, other.templates)


def _cut(description, kept):
    """Some columns of a description; all of one that has none."""
    if isinstance(description, Salience):
        onset = description.onset
        onset = None if onset is None else onset[:, kept]
        return Salience(description.level[:, kept], onset)
    if isinstance(description, StemSpectrograms):
        return StemSpectrograms([stem[:, kept] for stem in description.magnitudes])
    return description


def _put(joined, description, kept, n_frames):
    """Put the description of a part in its place in that of the whole."""
    if isinstance(description, Salience):
        arrays = [description.level, description.onset]
        if joined is None:
            joined = Salience(*(_empty(array, n_frames) for array in arrays))
        joined.level[:, kept] = description.level
        if description.onset is not None:
            joined.onset[:, kept] = description.onset
        return joined
    if isinstance(description, StemSpectrograms):
        if joined is None:
            rows, _, *channels = description.magnitudes[0].shape
            shape = rows, n_frames, *channels
            joined = StemSpectrograms(room_for(len(description.magnitudes), shape))
        for stem, magnitudes in zip(
            joined.magnitudes, description.magnitudes, strict=True
        ):
            stem[:, kept] = magnitudes
        return joined
    return description


def _empty(array, n_frames):
    if array is not None:
        return np.empty((len(array), n_frames), array.dtype)
