"""A recording and its annotations, read when asked for."""

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from musaic_core.data.notes import Notes, read_midi

# What libsndfile notes of a WAV, AIFF or Ogg file that stops before its end; a WAV
# that was streamed has no length to keep (0 or 2³² - 1).
_CUT = re.compile(
    r"^ ?(data|SSND) : (?!(0|4294967295) )\d+ \(should be|Junk after the last page",
    re.MULTILINE,
)
_NOT_AUDIO = {".mid", ".midi", ".lab", ".csv", ".json", ".txt", ".md"}


class InputError(ValueError):
    """A recording or annotation that can't be used; the message names the file."""


@dataclass
class Track:
    """One recording with whatever annotations its corpus has.

    Nothing is read until an attribute is asked for; what the corpus lacks is None.

    Parameters
    ----------
    id : str
        Name, unique in its corpus.
    stem_files : dict of str to Path
        Audio file of each stem. The recording is their sum; a recording whose
        stems are unknown has the one entry ``mixture``.
    midi_file, beats_file, sections_file, chords_file : Path or None
        Annotations: MIDI; CSV with the columns ``time`` (s) and ``position`` (1 on
        downbeats); tab-separated start (s), end (s) and label.
    tags : dict
        Whatever else is known: composer, instruments, …
    middle : float, optional
        Of the audio, only so many seconds amid it are read.
    """

    id: str
    stem_files: dict[str, Path]
    midi_file: Path | None = None
    beats_file: Path | None = None
    sections_file: Path | None = None
    chords_file: Path | None = None
    tags: dict = field(default_factory=dict)
    middle: float | None = None

    @property
    def files(self) -> list[Path]:
        """All files that the track is made of."""
        annotations = (
            self.midi_file,
            self.beats_file,
            self.sections_file,
            self.chords_file,
        )
        return [*self.stem_files.values(), *(f for f in annotations if f is not None)]

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
        files = self.stem_files.values()
        stems = [(read_audio(file, self.middle), file) for file in files]
        (y, sr), first = stems[0]
        for (stem, stem_sr), file in stems[1:]:
            if stem.shape != y.shape or stem_sr != sr:
                raise InputError(
                    f"{file}: {stem.shape} samples at {stem_sr} Hz do not fit {first}: "
                    f"{y.shape} at {sr} Hz; export all stems of a track alike"
                )
            y = y + stem
        if not y.any():
            raise InputError(f"{first}: the recording is silent; nothing to analyse")
        return y, sr

    def stems(self) -> dict[str, np.ndarray] | None:
        """Read the stems, each (channels, samples); they sum to `audio`."""
        if list(self.stem_files) == ["mixture"]:
            return None
        return {
            name: read_audio(file, self.middle)[0]
            for name, file in self.stem_files.items()
        }

    @property
    def duration(self) -> float:
        """Length of what `audio` reads in seconds, from the file's header."""
        duration = _describe(next(iter(self.stem_files.values()))).duration
        return duration if self.middle is None else min(duration, self.middle)

    @cached_property
    def notes(self) -> Notes | None:
        """Pitched notes that sound in the recording, sustain pedal included.

        Raises
        ------
        InputError
            The MIDI file can't be read, or has notes after the recording's end.
        """
        if self.midi_file is None:
            return None
        try:
            notes = read_midi(self.midi_file)
        except Exception as error:
            raise InputError(
                f"{self.midi_file}: not a readable MIDI file ({error}); "
                "export it again, or remove it to transcribe without a score"
            ) from None
        late = (notes.onsets >= self.duration).sum()
        if late:
            raise InputError(
                f"{self.midi_file}: {late} of {len(notes)} notes start after the "
                f"recording's end at {self.duration:.2f} s; is it of another recording?"
            )
        # a release may ring on after the recording stops
        notes.intervals[:, 1] = np.minimum(notes.intervals[:, 1], self.duration)
        return notes

    @cached_property
    def beats(self) -> np.ndarray | None:
        """Times of the beats in seconds; raises as `downbeats` does."""
        return None if self._beat_table is None else self._beat_table["time"].to_numpy()

    @cached_property
    def downbeats(self) -> np.ndarray | None:
        """Times of the first beat of each bar in seconds.

        Raises
        ------
        InputError
            The file can't be read, its times do not increase, or they are after the
            recording's end.
        """
        table = self._beat_table
        return None if table is None else table["time"][table["position"] == 1].values

    @cached_property
    def _beat_table(self):
        if self.beats_file is None:
            return None
        try:
            table = pd.read_csv(self.beats_file)[["time", "position"]].astype(float)
        except Exception:
            raise InputError(
                f"{self.beats_file}: not a readable table of time and position, "
                "separated by a comma; write it again, or remove it to have the beats "
                "estimated"
            ) from None
        _check_times(self.beats_file, table["time"], self.duration)
        return table

    @cached_property
    def sections(self) -> pd.DataFrame | None:
        """Sections: ``start`` (s), ``end`` (s), ``label``.

        Raises
        ------
        InputError
            The file can't be read, its sections overlap, or they are after the
            recording's end.
        """
        if self.sections_file is None:
            return None
        sections = _read_intervals(self.sections_file)
        in_order = sections[["start", "end"]].to_numpy().ravel()
        _check_times(self.sections_file, in_order, self.duration, repeated=True)
        return sections

    @cached_property
    def chords(self) -> pd.DataFrame | None:
        """Chords: ``start`` (s), ``end`` (s), ``label`` in Harte's syntax."""
        return None if self.chords_file is None else _read_intervals(self.chords_file)


def read_corpus(folder: Path) -> list[Track]:
    """List the tracks of a folder that holds one subfolder a track."""
    return [read_track(subfolder) for subfolder in sorted(folder.iterdir())]


def read_track(folder: Path) -> Track:
    """List the files of a track whose stems are known.

    Parameters
    ----------
    folder : Path
        Holds one audio file a stem and, where known, ``notes.mid``, ``beats.csv``,
        ``sections.lab`` and ``chords.lab``. A file named ``mixture`` among the stems is
        left: their sum is the mixture.
    """

    def annotation(name):
        return folder / name if (folder / name).exists() else None

    stems = {file.stem: file for file in audio_files(folder)}
    if len(stems) > 1:
        stems.pop("mixture", None)
    return Track(
        id=folder.name,
        stem_files=stems,
        midi_file=annotation("notes.mid"),
        beats_file=annotation("beats.csv"),
        sections_file=annotation("sections.lab"),
        chords_file=annotation("chords.lab"),
    )


def audio_files(folder: Path) -> list[Path]:
    """List the files of a folder that are no annotations, readable or not."""
    return [
        file
        for file in sorted(folder.iterdir())
        if file.is_file()
        and not file.name.startswith(".")
        and file.suffix.lower() not in _NOT_AUDIO
    ]


def read_audio(file: Path, middle: float | None = None) -> tuple[np.ndarray, int]:
    """Read a WAV, FLAC, Ogg or MP3 file.

    Parameters
    ----------
    file : Path
    middle : float, optional
        Read so many seconds amid it; else all of it.

    Returns
    -------
    y : ndarray of float32, shape (channels, samples)
    sr : int
        Sampling rate, Hz.

    Raises
    ------
    InputError
        The file can't be read, is empty, or holds NaN or infinity.
    """
    header = _describe(file)
    if _CUT.search(header.extra_info):
        raise InputError(f"{file}: the end of the file is missing; copy it again")
    length, start = header.frames, 0
    if middle is not None:
        length = min(length, round(middle * header.samplerate))
        start = (header.frames - length) // 2
    try:
        y, sr = soundfile.read(file, length, start, dtype="float32", always_2d=True)
    except soundfile.SoundFileError as error:
        raise InputError(f"{file}: {error}; export it again") from None
    if len(y) == 0:
        raise InputError(f"{file}: the recording is empty; export it again")
    if len(y) < length:
        raise InputError(
            f"{file}: {len(y)} of {length} samples are there; copy it again"
        )
    if not np.isfinite(y).all():
        raise InputError(f"{file}: holds NaN or infinite samples; export it again")
    return y.T, sr


def _describe(file: Path):
    if not Path(file).exists():
        raise InputError(f"{file}: no such file")
    try:
        return soundfile.info(file)
    except soundfile.SoundFileError:
        raise InputError(
            f"{file}: not a readable WAV, FLAC, Ogg or MP3 file; convert it"
        ) from None


def _read_intervals(file: Path) -> pd.DataFrame:
    """Start (s), end (s) and label in each line, separated by tabs or spaces.

    What has no length is left out.
    """
    rows = []
    try:
        lines = file.read_text().splitlines()
        for line in filter(str.strip, lines):
            start, end, label = line.split(maxsplit=2)
            if float(start) != float(end):
                rows.append((float(start), float(end), label.strip()))
    except (OSError, ValueError):
        rows = []
    if not rows:  # unreadable, or empty
        raise InputError(
            f"{file}: not a readable table of start, end and label, separated by tabs; "
            "write it again, or remove it to do without a score"
        )
    return pd.DataFrame(rows, columns=["start", "end", "label"])


def _check_times(file, times, duration, repeated=False):
    """Times (s) must increase, or stay where they may, and be in the recording."""
    times = np.asarray(times)
    steps = np.diff(times)
    increase = steps >= 0 if repeated else steps > 0
    if not (
        np.isfinite(times).all() and increase.all() and np.min(times, initial=0) >= 0
    ):
        raise InputError(f"{file}: the times do not increase; put its lines in order")
    if np.max(times[:-1], initial=0) >= duration:  # what comes last may be its end
        raise InputError(
            f"{file}: has times after the recording's end at {duration:.2f} s; "
            "is it of another recording?"
        )
