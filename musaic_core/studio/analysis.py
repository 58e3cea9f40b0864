"""A recording through a model: at once, as a benchmark has it, or in parts.

What a model says of the recording is decided on as a whole by the task's decoder. After
a correction, a factorization is quick: only those parts are computed anew that what was
said changes something of, each from where it was. That comes close to what a benchmark
gives; `analyse` says whether it is the same, and gives that too.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np

from musaic_core.data.hints import Hint
from musaic_core.data.recording import Recording
from musaic_core.studio.models import Offer
from musaic_core.tasks.given import Given
from musaic_core.tasks.separation.stored import in_little_memory, room_for
from musaic_core.tasks.separation.task import StemSpectrograms
from musaic_core.tasks.transcription.decoder import Salience

SECONDS = 30.0  # of a part of a factorization that goes on
LONGEST = 300.0  # of any other part: what is shorter is heard as a whole
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


@dataclass(frozen=True, eq=False)
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
    quick : bool
        Whether a benchmark would give something else, though about the same.
    """

    answer: Any
    evidence: Any
    description: Any
    parts: list[Part]
    dictionary: Any = None
    frequencies: np.ndarray | None = None
    frame: float | None = None
    quick: bool = False

    @property
    def n_components(self) -> int:
        """How many there are in all parts; 0 where they stand for nothing."""
        if self.dictionary is None:
            return 0
        return min(len(part.model.activations) for part in self.parts)

    @property
    def activations(self) -> np.ndarray:
        """Of the components that the models of all parts have, (C, T)."""
        n, parts = self.n_components, self.parts
        H = [np.asarray(part.model.activations)[:n, part.inner] for part in parts]
        return H[0] if len(H) == 1 else np.concatenate(H, axis=1)

    def of(self, kept: slice) -> Part:
        """The part that some columns lie in, of which these are kept.

        Parameters
        ----------
        kept : slice

        Returns
        -------
        Part
        """
        inside = (
            part
            for part in self.parts
            if part.kept.start <= kept.start and kept.stop <= part.kept.stop
        )
        return replace(next(inside), kept=kept)


def analyse(
    offer: Offer,
    recording: Recording,
    hints: Sequence[Hint] = (),
    first: Analysis | None = None,
    last: Analysis | None = None,
    longest: float = LONGEST,
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
        What the same model made of it before anything was said, and goes on from. It
        does not go on from the last one, so that the answer depends on what was said
        and not on the order.
    last : Analysis, optional
        One that went on from the same first one, with other hints: what has not changed
        since is taken from it.
    longest : float
        Length from which on a recording is heard in parts, s. With an infinite one, and
        no first analysis, the answer is a benchmark's, to the bit.
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
    decode, solver = offer.decode, offer.solver
    given = solver.given_of(recording, hints)
    dictionary = given.dictionary if offer.has_components else None
    known = [a for a in (last, first) if a and _same(dictionary, a.dictionary)]
    H = first.activations if first and offer.has_components else None
    parts, joined, quick = [], None, False
    ranges = _ranges(offer, given, longest if H is None else SECONDS)
    for i, (heard, kept) in enumerate(ranges):
        if stop is not None and stop.is_set():
            raise StoppedError
        progress(i, len(ranges))
        said = _said(given, heard) if offer.uses_hints else ()
        source = next((a for a in known if a.of(kept).said == said), None)
        if source is not None:
            part, found = source.of(kept), _cut(source.description, kept)
            quick |= source.quick
        else:
            told = given if len(ranges) == 1 else given.part(heard)
            if H is not None:
                told.start = SimpleNamespace(activations=H[:, heard])
            found, model = solver.describe(told)
            part = Part(heard, kept, said, model)
            found = found if len(ranges) == 1 else _cut(found, part.inner)
            quick |= H is not None or len(ranges) > 1
        parts.append(part)
        joined = found if len(ranges) == 1 else _put(joined, found, kept, ranges)
    progress(len(ranges), len(ranges))
    answer, evidence = solver.decoded(decode, joined, given)
    if isinstance(joined, StemSpectrograms):
        answer = in_little_memory(answer)  # of several models, before and after
    rows = dictionary and given.frequencies
    told = dictionary, rows, given.frame, quick
    return Analysis(answer, evidence, joined, parts, *told)


WHOLE = slice(0, 0)  # of what is not cut into parts


def _ranges(offer, given, seconds):
    """Columns that each part is given, and those of them that are kept."""
    if offer.question.name == "sections" or given.axes is None:
        return [(WHOLE, WHOLE)]  # a section may come again at the other end
    n_frames = given.V.shape[1]
    length = seconds / given.frame
    if n_frames <= length:
        return [(slice(0, n_frames), slice(0, n_frames))]
    n_parts = max(1, round(n_frames / length))
    context = round(CONTEXT / given.frame)
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


def _put(joined, description, kept, ranges):
    """Put the description of a part in its place in that of the whole."""
    n_frames = ranges[-1][1].stop
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
