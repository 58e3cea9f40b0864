"""A recording, and a track: a recording with what its corpus knows of it."""

import hashlib
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from pathlib import Path
from types import FunctionType
from weakref import WeakKeyDictionary

import joblib
import numpy as np
import pandas as pd

from musaic_core.data.annotations import (
    read_beats,
    read_intervals,
    read_notes,
    read_sections,
)
from musaic_core.data.audio import Source, describe_audio, read_audio
from musaic_core.data.errors import InputError, blaming
from musaic_core.data.f0 import F0
from musaic_core.data.notes import Notes
from musaic_core.data.sources import common_header, read_fitted


class Recording:
    """What can be heard of a track, and nothing else: what models get of a test.

    None of its attributes leads to annotations or files, so that no model is scored by
    mistake on what it was told. One that means to cheat is not stopped by that.

    Parameters
    ----------
    track : Track
    """

    __slots__ = ("__weakref__", "id")

    def __init__(self, track: "Track") -> None:
        self.id = track.id
        _tracks[self] = track

    def audio(self) -> tuple[np.ndarray, int]:
        """Read the recording.

        Returns
        -------
        y : ndarray of float32, shape (channels, samples)
        sr : int
            Sampling rate, Hz.
        """
        return _tracks[self].audio()

    @property
    def duration(self) -> float:
        """Length of what `audio` gives, s."""
        return _tracks[self].duration


# Not an attribute of the recording, which a model could look at.
_tracks: WeakKeyDictionary = WeakKeyDictionary()


@dataclass(eq=False)
class Track:
    """A recording with whatever its corpus knows of it.

    Nothing is read until an attribute is asked for; what the corpus lacks is None.

    Parameters
    ----------
    id : str
        Name, unique in its corpus.
    stem_files : dict of str to Path or callable
        Audio of each stem: a file, or a function without arguments that gives
        samples (channels, samples) and rate. The recording is their sum; one whose
        stems are unknown has the one entry ``mixture``.
    notes_from, beats_from, sections_from, chords_from : Path, callable or None
        Annotations: a file in any of the forms of `musaic_core.data.annotations`.
        A function without arguments gives what the attribute of that name is.
    f0_from : callable or None
        A function without arguments that gives an `F0`.
    tags : dict
        Whatever else is known: composer, instruments, genre, …
    middle : float, optional
        Of the audio, only so many seconds amid it are read.
    """

    id: str
    stem_files: dict[str, Source]
    notes_from: Path | Callable[[], Notes] | None = None
    beats_from: Path | Callable[[], pd.DataFrame] | None = None
    sections_from: Path | Callable[[], pd.DataFrame] | None = None
    chords_from: Path | Callable[[], pd.DataFrame] | None = None
    f0_from: Callable[[], F0] | None = None
    tags: dict = field(default_factory=dict)
    middle: float | None = None

    @property
    def name(self) -> str:
        """What a message calls the recording: its first file, or its id."""
        return str(next(iter(self.audio_files), self.id))

    @property
    def audio_files(self) -> list[Path]:
        """The files that its audio is read from."""
        return [s for s in self.stem_files.values() if not callable(s)]

    @property
    def identity(self) -> str:
        """Digest of all that the track is made of: a change of any of it changes it.

        That are its id, its stems' names in their order, the names, sizes and times of
        change of its files, its functions with their arguments, its tags, and `middle`.
        """
        return self._digest(_state)

    @property
    def content(self) -> str:
        """Digest as `identity`, by what is in the files and not by where they lie."""
        return self._digest(_content)

    @property
    def sound(self) -> str:
        """Digest of its audio alone, whatever it is called and wherever it lies."""
        sources = [_told(source, _content) for source in self.stem_files.values()]
        return joblib.hash(sorted(map(repr, sources)))

    def _digest(self, of_file):
        annotations = [(k, v) for k, v in vars(self).items() if k.endswith("_from")]
        parts = [
            (name, _told(source, of_file))
            for name, source in (*self.stem_files.items(), *annotations)
        ]
        try:
            return joblib.hash([self.id, self.middle, self.tags, *parts])
        except pickle.PicklingError:
            raise TypeError(
                f"{self.id}: one of its functions is a lambda or is defined inside of "
                "another, so that it has no name to be told by; define it at the top "
                "of a module, and bind its arguments with functools.partial"
            ) from None

    def amid(self, seconds: float) -> "Track":
        """The same track, of which only the middle is heard.

        Parameters
        ----------
        seconds : float
            Of the audio that is read; annotations keep the times of all of it.

        Returns
        -------
        Track
        """
        return replace(self, middle=seconds)

    def audio(self) -> tuple[np.ndarray, int]:
        """Read the recording.

        Returns
        -------
        y : ndarray of float32, shape (channels, samples)
        sr : int
            Sampling rate, Hz.

        Raises
        ------
        InputError
            The file can't be read, is empty or silent, or holds NaN or infinity.
        """
        if not self.stem_files:
            raise InputError(f"{self.id}: has no audio file; put one there")
        first, *sources = self.stem_files.values()
        y, sr = self._read_source(first)
        for source in sources:
            stem, stem_sr = self._read_source(source)
            if stem.shape != y.shape or stem_sr != sr:  # of those without a header
                raise InputError(
                    f"{self.id}: {stem.shape} samples at {stem_sr} Hz do not fit "
                    f"{y.shape} at {sr} Hz; make all stems of a track alike"
                )
            y = y + stem
        if not y.any():
            raise InputError(f"{first}: the recording is silent; nothing to analyse")
        return y, sr

    def stems(self) -> dict[str, np.ndarray] | None:
        """Read the stems, which sum to `audio`.

        Returns
        -------
        dict of str to ndarray of float32, shape (channels, samples), or None
            None where they are not known.
        """
        if list(self.stem_files) == ["mixture"]:
            return None
        return {
            name: self._read_source(source)[0]
            for name, source in self.stem_files.items()
        }

    def _read_source(self, source):
        name = self.id if callable(source) else None  # a file is called by its path
        if self._common is None or describe_audio(source).is_like(self._common):
            return read_audio(source, self.middle, name)
        return read_fitted(source, self._common, self.middle), self._common.samplerate

    @cached_property
    def _common(self):
        """What files of stems are fitted to; None where there are none, or functions.

        Stems that end early are silent from there on, those at lower rates are
        resampled, and those of one channel are heard in all.
        """
        files = self.audio_files
        if not files or len(files) < len(self.stem_files):
            return None
        return common_header(files)

    @cached_property
    def ends_early(self) -> str:
        """Which stems end more than a second before others, and when; else empty."""
        if self._common is None:
            return ""
        lengths = {
            name: describe_audio(file).duration
            for name, file in self.stem_files.items()
        }
        longest = max(lengths.values())
        return ", ".join(
            f"{name} at {length:.1f} of {longest:.1f} s"
            for name, length in lengths.items()
            if length < longest - 1
        )

    @cached_property
    def duration(self) -> float:
        """Length of what `audio` reads in seconds, from the files' headers."""
        if self._common is None:
            y, sr = self.audio()
            return y.shape[1] / sr
        duration = self._common.duration
        return duration if self.middle is None else min(duration, self.middle)

    @cached_property
    def rate(self) -> int:
        """Sampling rate of what `audio` reads, Hz."""
        return self.audio()[1] if self._common is None else self._common.samplerate

    @cached_property
    def notes(self) -> Notes | None:
        """Pitched notes that sound in the recording, sustain pedal included."""
        return self._read(self.notes_from, read_notes)

    @cached_property
    def beats(self) -> np.ndarray | None:
        """Times of the beats in seconds."""
        return None if self._beats is None else self._beats["time"].to_numpy()

    @cached_property
    def downbeats(self) -> np.ndarray | None:
        """Times of the first beat of each bar in seconds; None if not known.

        Raises
        ------
        InputError
            There are positions in bars, and fewer than two of them are 1.
        """
        table = self._beats
        if table is None or table["position"].isna().all():
            return None
        downbeats = table["time"][table["position"] == 1].to_numpy()
        if len(downbeats) < 2:
            name = self.id if callable(self.beats_from) else self.beats_from
            raise InputError(
                f"{name}: {len(downbeats)} of its beats begin a bar, at position 1; "
                "two are the least that bars are made of"
            )
        return downbeats

    @cached_property
    def _beats(self):
        return self._read(self.beats_from, read_beats)

    @cached_property
    def sections(self) -> pd.DataFrame | None:
        """Sections: ``start`` (s), ``end`` (s), ``label``."""
        return self._read(self.sections_from, read_sections)

    @cached_property
    def chords(self) -> pd.DataFrame | None:
        """Chords: ``start`` (s), ``end`` (s), ``label`` in Harte's syntax."""
        return self._read(self.chords_from, read_intervals)

    @cached_property
    def f0(self) -> F0 | None:
        """Fundamental frequencies over time, where they were annotated."""
        return self._read(self.f0_from, None)

    def _read(self, source, read):
        with blaming(self.id if callable(source) else source):
            if source is None or callable(source):
                return source and source()
            return read(source, self.duration)


def _told(source, of_file):
    """What a digest tells a source by; files that a function is bound to count too."""
    if isinstance(source, Path):
        return of_file(source)
    if isinstance(source, partial):
        bound = [*source.args, *sorted(source.keywords.items())]
        told = [_told(argument, of_file) for argument in bound]
        return _told(source.func, of_file), told
    if isinstance(source, FunctionType) and "<" not in source.__qualname__:
        # not the function, which can't be pickled if it is of a plugin's file
        return source.__module__, source.__qualname__
    if isinstance(source, tuple):
        return tuple(_told(part, of_file) for part in source)
    return source


def _state(file):
    stat = file.stat() if file.exists() else None
    return str(file), stat and (stat.st_size, stat.st_mtime_ns)


def _content(file):
    return _file_digest(*_state(file))


@cache
def _file_digest(file, state):
    """Of all that is in it; read again where its size or time has changed."""
    if state is None:
        return None
    try:
        with open(file, "rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:  # it is told where it is read
        return None
