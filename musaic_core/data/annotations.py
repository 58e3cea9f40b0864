"""Annotations of a recording: notes, beats, sections and chords."""

from pathlib import Path

import numpy as np
import pandas as pd

from musaic_core.data.errors import InputError
from musaic_core.data.notes import Notes, read_midi


def read_notes(file: Path, duration: float) -> Notes:
    """Read the pitched notes of a MIDI file that sound in a recording.

    Parameters
    ----------
    file : Path
    duration : float
        Of the recording, s. A release after it is cut: it rings on.

    Returns
    -------
    notes : Notes
        In the order of their onsets.

    Raises
    ------
    InputError
        The file can't be read, or has notes after the recording's end.
    """
    try:
        notes = read_midi(file)
    except Exception as error:
        raise InputError(
            f"{file}: not a readable MIDI file ({error}); "
            "export it again, or remove it to transcribe without a score"
        ) from None
    late = (notes.onsets >= duration).sum()
    if late:
        raise InputError(
            f"{file}: {late} of {len(notes)} notes start after the "
            f"recording's end at {duration:.2f} s; is it of another recording?"
        )
    notes.intervals[:, 1] = np.minimum(notes.intervals[:, 1], duration)
    return notes


def read_beats(file: Path, duration: float) -> pd.DataFrame:
    """Read beats: a CSV file with the columns ``time`` and ``position``.

    Parameters
    ----------
    file : Path
    duration : float
        Of the recording, s.

    Returns
    -------
    DataFrame
        ``time`` (s) and ``position`` in the bar, 1 on downbeats.

    Raises
    ------
    InputError
        The file can't be read, its times do not increase, or they are after the
        recording's end.
    """
    try:
        table = pd.read_csv(file)[["time", "position"]].astype(float)
    except Exception:
        raise InputError(
            f"{file}: not a readable table of time and position, "
            "separated by a comma; write it again, or remove it to have the beats "
            "estimated"
        ) from None
    _check_times(file, table["time"], duration)
    return table


def read_sections(file: Path, duration: float) -> pd.DataFrame:
    """Read sections as `read_intervals` does, which lie in a recording.

    Parameters
    ----------
    file : Path
    duration : float
        Of the recording, s.

    Returns
    -------
    DataFrame
        ``start`` (s), ``end`` (s), ``label``.

    Raises
    ------
    InputError
        The file can't be read, its sections overlap, or they are after the
        recording's end.
    """
    sections = read_intervals(file)
    in_order = sections[["start", "end"]].to_numpy().ravel()
    _check_times(file, in_order, duration, repeated=True)
    return sections


def read_intervals(file: Path) -> pd.DataFrame:
    """Read start (s), end (s) and label in each line, separated by tabs or spaces.

    What has no length is left out.

    Parameters
    ----------
    file : Path

    Returns
    -------
    DataFrame
        ``start``, ``end``, ``label``.

    Raises
    ------
    InputError
        The file can't be read, or has no such line.
    """
    rows = []
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
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
