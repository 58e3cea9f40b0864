"""Music structure analysis: a recording in, its sections out.

A recording is cut into bars, and models see them as a matrix or a tensor. What a model
has to say of each bar, its components along the mode of the bars or a vector of another
kind, becomes sections.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from musaic_core.data.errors import InputError
from musaic_core.data.hints import BOUNDARY
from musaic_core.data.recording import Track
from musaic_core.tasks.bars import fold_bars
from musaic_core.tasks.base import Task
from musaic_core.tasks.kept import Kept
from musaic_core.tasks.structure.decoder import SectionDecoder, make_sections
from musaic_core.tasks.structure.downbeats import hear_downbeats
from musaic_core.tasks.structure.features import (
    FEATURES,
    FRAME,
    MAGNITUDES,
    NEGATIVE,
    mono,
)
from musaic_core.tasks.structure.guidance import known_boundaries


@dataclass
class Evidence:
    """What sections were found in.

    Parameters
    ----------
    bars : ndarray, shape (B + 1,)
        Times at which bars begin, s, and at which the last one ends.
    similarity : ndarray, shape (B, B)
        Of the bars to each other.
    """

    bars: np.ndarray
    similarity: np.ndarray


class Structure(Task):
    """The recordings to cut into sections, and what may be learned for it.

    Parameters
    ----------
    train : iterable of Track
        What models and decoders may learn from.
    test : iterable of Track or Recording
        What they are scored on.
    feature : str
        A key of `FEATURES`.
    segmentation : str
        A key of `SEGMENTATIONS`.
    downbeats : dict of str to ndarray, Exception or None, optional
        Times, s, by the ids of test recordings, or why they can't be read: where bars
        are not to be heard. The training recordings then have their annotated bars too.
    hear : callable
        Takes samples (channels, samples) and rate, Hz, and gives times of downbeats, s,
        where they are to be heard.
    **options
        As `Task` takes them.
    """

    answers = "sections"
    axes = (
        ("frequency × time in bar", "bar"),
        ("frequency", "time in bar", "bar"),
    )
    labels = [BOUNDARY]
    decodes_hints = True
    frame = FRAME

    def __init__(
        self,
        train,
        test,
        feature: str = "nn_log_mel",
        segmentation: str = "cbm",
        downbeats: dict | None = None,
        hear: Callable[[np.ndarray, int], np.ndarray] = hear_downbeats,
        **options,
    ) -> None:
        super().__init__(train, test, **options)
        self.feature = feature
        self.segmentation = segmentation
        self.downbeats = downbeats
        self.hear = hear
        self._bars: WeakKeyDictionary = WeakKeyDictionary()
        self._kept = Kept()

    @property
    def magnitudes(self):
        """Whether the feature is magnitudes."""
        return self.feature in MAGNITUDES

    def misfit(self, solver):
        if self.feature in NEGATIVE and solver.kind == "low-rank":
            return f"it takes a nonnegative V; {self.feature} is negative in places"

    def prepare(self, axes, describes):
        """Read the recordings that every model's decoder is tuned on."""
        if describes:
            _ = self.examples

    def bars(self, recording) -> np.ndarray:
        """Times at which bars begin, s, and at which the last one ends, (B + 1,).

        They are heard, by a network and a bar pointer; or, where the task is given
        downbeats, those. Bars of the median length fill what is before and after.

        Parameters
        ----------
        recording : Recording or Track

        Returns
        -------
        ndarray, shape (B + 1,)

        Raises
        ------
        InputError
            There are less than two bars.
        """
        if recording not in self._bars:
            self._bars[recording] = self._find_bars(recording)
        return self._bars[recording]

    def _find_bars(self, recording):
        duration, downbeats = recording.duration, None
        if self.downbeats is not None:
            downbeats = getattr(recording, "downbeats", None)
            if downbeats is None:
                downbeats = self.downbeats.get(recording.id)
            if isinstance(downbeats, Exception):
                raise downbeats
        if downbeats is None:
            downbeats = self.hear(*recording.audio())
        if len(downbeats) > 1:
            length = np.median(np.diff(downbeats))
            # an upbeat of less than half a bar belongs to the first bar's section
            n_before = round(downbeats[0] / length)
            n_after = round((duration - downbeats[-1]) / length)
            before = downbeats[0] - length * np.arange(n_before, 0, -1)
            after = downbeats[-1] + length * np.arange(1, n_after + 1)
            bars = np.concatenate([before, downbeats, after]).clip(0, duration)
            if len(bars) > 2:
                return bars
        name = getattr(recording, "name", recording.id)
        raise InputError(
            f"{name}: {duration:.2f} s are too short to find sections in; "
            "two bars are the least, and their beats must be heard"
        )

    def represent(self, recording, axes=axes[0]):
        """The bars of a recording.

        Parameters
        ----------
        recording : Recording or Track
        axes : tuple of str
            Two: frequency and time in bar × bar, (F · 96, B), the barwise
            time-frequency matrix. Three: (F, 96, B).

        Returns
        -------
        ndarray of float32
        """
        V = self._kept.get(recording, lambda: self._fold(recording))
        if len(axes) == 3:
            return V.copy()
        return V.reshape(-1, V.shape[2]).copy()

    def _fold(self, recording):
        feature = FEATURES[self.feature](mono(*recording.audio()))
        return fold_bars(feature, FRAME, self.bars(recording))

    @cached_property
    def examples(self) -> dict[Track, pd.DataFrame]:
        """Sections of each training recording that can be read and has some."""

        def read(track):
            sections = track.sections
            if sections is not None:
                self._kept.get(track, lambda: self._fold(track))
            return sections

        sections = self.learned(self.train, read)
        return {track: known for track, known in sections if known is not None}

    def describe(self, model, given):
        """What a model has of each pattern in each bar, (B, patterns)."""
        level = np.asarray(model.along_last_mode(given.V.shape[-1]))
        return level ** (1 / given.exponent)  # magnitudes

    def tune(self, describe, keep=lambda fit: fit()):
        """Choose similarity and segmentation on the training recordings."""

        def fit():
            examples = [
                (X, self.bars(track), track.duration, self.examples[track])
                for track, X in self.learned(self.examples, describe, by_model=True)
            ]
            if not examples:
                raise InputError(
                    "no training recording could be used to tune the decoder"
                )
            return SectionDecoder(self.segmentation).fit(examples)

        decoder = keep(fit)

        def decode(X, recording, hints=()):
            bars = self.bars(recording)
            known = known_boundaries(hints, bars)
            similarity, boundaries, labels = decoder.decode(X, known)
            sections = make_sections(bars, boundaries, labels, recording.duration)
            return sections, Evidence(bars, similarity)

        return decode
