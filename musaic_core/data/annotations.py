"""Annotations of a recording: notes, beats, sections and chords."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from musaic_core.data.errors import InputError, report_once
from musaic_core.data.forms import WANTED, leading_numbers, numbers, read_table
from musaic_core.data.notes import SHORTEST, Notes, read_midi
from musaic_core.data.stretches import ROUNDING, stretches

_KIND_OF_SUFFIX = {
    **dict.fromkeys((".mid", ".midi", ".kar", ".smf", ".rmi"), "notes"),
    ".beats": "beats",
    ".lab": "sections",
}
TABLES = {".csv", ".tsv", ".txt", ".jams", ".svl"}  # of any kind


def read_notes(file: Path, duration: float) -> Notes:
    """Read the pitched notes that sound in a recording.

    Parameters
    ----------
    file : Path
        MIDI; or a table of notes as `read_table` takes it, such as MAPS, MusicNet,
        JAMS and Sonic Visualiser have.
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
    if file.suffix.lower() not in TABLES:
        try:
            notes = read_midi(file)
        except Exception as error:
            reason = str(error) or type(error).__name__
            raise InputError(
                f"{file}: not a readable MIDI file ({reason}); "
                "export it again, or remove it to transcribe without a score"
            ) from None
    else:
        notes = _read_note_table(file)
    late = (notes.onsets >= duration + ROUNDING).sum()
    if late:
        raise InputError(
            f"{file}: {late} of {len(notes)} notes start after the "
            f"recording's end at {duration:.2f} s; is it of another recording?"
        )
    notes = notes.between(0, duration)
    notes.intervals[:, 1] = np.minimum(notes.intervals[:, 1], duration)
    return notes


def _read_note_table(file):
    table = read_table(file, "notes")
    if "start" not in table:  # no names: onset, then offset and pitch, or the reverse
        for column in range(min(3, table.shape[1])):
            numbers(file, "notes", table[column])
        if table.shape[1] < 3:
            raise InputError(
                f"{file}: its lines have {table.shape[1]} columns; {WANTED['notes']}"
            )
        third = np.median(numbers(file, "notes", table[2]))
        names = ["start", "end", "pitch"] if third > 12 else _SONG_NOTES
        table.columns = [*names, *table.columns[3:]]
    read = {
        name: numbers(file, "notes", table[name])
        for name in ("start", "end", "duration", "pitch", "frequency", "value")
        if name in table
    }
    pitch = next((read[n] for n in ("pitch", "frequency", "value") if n in read), None)
    if pitch is None or not {"end", "duration"} & set(read):
        raise InputError(f"{file}: its columns name no pitch; {WANTED['notes']}")
    onset = read["start"]
    offset = read["end"] if "end" in read else onset + read["duration"]
    if "startbeat" in table:  # MusicNet: samples at 44.1 kHz
        onset, offset = onset / 44100, offset / 44100
    above = (pitch > 127).mean()  # of what is whole, a few are mistakes
    if "frequency" in read or above > 0.5 or (above and (pitch % 1).any()):  # Hz
        pitch = 69 + 12 * np.log2(np.maximum(pitch, 1) / 440)
    for wrong, what in (
        (offset < onset - ROUNDING, "ends before it begins"),
        (onset < -ROUNDING, "begins before 0 s"),
        ((pitch < -0.5) | (pitch > 127.5), "has a pitch outside of MIDI's"),
    ):
        if wrong.any():
            raise InputError(f"{file}: {table.index[wrong.argmax()]}: the note {what}")
    velocity = np.full(len(table), 80)
    if "velocity" in table:
        velocity = numbers(file, "notes", table["velocity"]).round().clip(1, 127)
    onset = np.maximum(onset, 0)
    offset = np.maximum(offset, onset + SHORTEST)
    return Notes.from_rows(
        zip(onset, offset, pitch.round(), velocity, [""] * len(table), strict=True)
    )


_SONG_NOTES = ["start", "pitch", "duration"]  # as melodies are annotated


def read_beats(file: Path, duration: float) -> pd.DataFrame:
    """Read beats: time, and where it is known the position in the bar.

    Parameters
    ----------
    file : Path
        A table as `read_table` takes it. Positions are 1, 2, …, or bar and beat with
        a dot between, as Sonic Visualiser numbers them.
    duration : float
        Of the recording, s.

    Returns
    -------
    DataFrame
        ``time`` (s) and ``position`` in the bar, 1 on downbeats; NaN if not known.

    Raises
    ------
    InputError
        The file can't be read, its times do not increase, or they are after the
        recording's end: the last one by more than a beat, which it may end.
    """
    table = read_table(file, "beats")
    if "start" not in table:
        table = table.rename(columns={0: "start"})
        is_label_track = 2 in table and (table["start"] == table[1]).all()
        table = table.rename(columns={2 if is_label_track else 1: "position"})
    time = numbers(file, "beats", table["start"])
    position = next((n for n in ("position", "label", "value") if n in table), None)
    position = pd.Series("", table.index) if position is None else table[position]
    if position.str.fullmatch(r"\d+\.0*[1-9]\d*").all():  # bar.beat
        position = position.str.partition(".")[2]
    known = position.str.strip() != ""
    if not position.str.contains(r"\d").any():  # words, if anything
        known &= False
    positions = np.full(len(table), np.nan)
    positions[known] = numbers(file, "beats", position[known])
    previous = np.maximum.accumulate([-np.inf, *time[:-1]])
    kept, last = time > previous, len(time) - 1
    beat = np.median(np.diff(time[:-1])) if last > 1 else 0.0
    for i, place in enumerate(table.index):
        _check_start(file, place, time[i], duration, spare=beat * (i == last))
        if time[i] <= previous[i] - ROUNDING:
            raise InputError(
                f"{file}: {place}: the beat at {time[i]:g} s comes after one at "
                f"{previous[i]:g} s; put its lines in order"
            )
    if not kept.all():
        report_once(f"{file}: {(~kept).sum()} beats come twice; one of each is taken")
    beats = {"time": time.clip(0)[kept], "position": positions[kept]}
    return pd.DataFrame(beats)


def read_sections(file: Path, duration: float) -> pd.DataFrame:
    """Read sections, which follow each other and lie in a recording.

    Parameters
    ----------
    file : Path
        As `read_intervals` takes it.
    duration : float
        Of the recording, s.

    Returns
    -------
    DataFrame
        ``start`` (s), ``end`` (s), ``label``.

    Raises
    ------
    InputError
        The file can't be read, or its sections overlap or are after the end.
    """
    return read_intervals(file, duration, "sections")


def read_intervals(
    file: Path, duration: float = np.inf, kind: str = "chords"
) -> pd.DataFrame:
    """Read start (s), end (s) and label of each stretch of a recording.

    What has no length is left out. Overlaps and gaps below 50 ms come from rounding:
    they are closed, and a line says so.

    Parameters
    ----------
    file : Path
        A table as `read_table` takes it: start and end, start and duration, or, as
        SALAMI has them, starts alone, each of which ends the stretch before.
    duration : float
        Of the recording, s. What ends after it is cut.
    kind : str
        sections or chords.

    Returns
    -------
    DataFrame
        ``start``, ``end``, ``label``.

    Raises
    ------
    InputError
        The file can't be read, or is not in order.
    """
    table = read_table(file, kind)
    start, end, labels = stretches(file, table, kind)
    if end is None:
        kept = [i for i, label in enumerate(labels) if label is not None]
        table, start = table.iloc[kept], start[kept]
        labels = [labels[i] for i in kept]
        end = np.append(start[1:], max(duration, *start[-1:]))
        if labels and labels[-1].lower() == "end":
            table, start, end = table.iloc[:-1], start[:-1], end[:-1]
    rows, n_closed = [], 0
    for place, begin, stop, label in zip(table.index, start, end, labels, strict=False):
        if stop < begin - ROUNDING:
            raise InputError(
                f"{file}: {place}: ends at {stop:g} s, before its start at {begin:g} s"
            )
        if stop <= begin:
            n_closed += stop < begin
            continue
        _check_start(file, place, begin, duration)
        before = rows[-1][1] if rows else 0
        if begin < before - ROUNDING:
            raise InputError(
                f"{file}: {place}: starts at {begin:g} s, before what is above it ends "
                f"at {before:g} s; put its lines in order, or shorten one of them"
            )
        if 0 < abs(begin - before) < ROUNDING:
            n_closed += bool(rows)
            if rows:
                rows[-1][1] = begin
            else:
                begin = 0.0
        rows.append([begin, stop, label])
    rows = [row for row in rows if row[0] < min(row[1], duration)]
    if not rows:
        raise InputError(f"{file}: not a readable table: it is empty; {WANTED[kind]}")
    if rows[-1][1] > duration + ROUNDING:
        report_once(
            f"{file}: ends at {rows[-1][1]:g} s, and the recording at "
            f"{duration:.2f} s: what is after it is left"
        )
    if n_closed:
        report_once(f"{file}: {n_closed} overlaps or gaps below 50 ms are closed")
    rows[-1][1] = min(rows[-1][1], duration)
    return pd.DataFrame(rows, columns=["start", "end", "label"])


def _check_start(file, place, start, duration, spare=0.0):
    """A time (s) must be in the recording, or no more than `spare` s after it."""
    if start < -ROUNDING:
        raise InputError(f"{file}: {place}: {start:g} s is before the recording")
    if start >= duration + ROUNDING + spare:
        raise InputError(
            f"{file}: {place}: {start:g} s is after the recording's end at "
            f"{duration:.2f} s; is it of another recording?"
        )


def annotates(file: Path, kind: str, named: bool = False) -> bool:
    """Say whether a file holds annotations of a kind, by its suffix or content.

    Parameters
    ----------
    file : Path
    kind : str
        notes, beats, sections or chords. What looks like sections is taken for chords
        where all labels are, and one has a quality, such as C:maj.
    named : bool
        Whether the file's name says that it does. Only a text file is looked into then:
        "notes.txt" may be anything.

    Returns
    -------
    bool
        A table in CSV that holds nothing that is known is taken for beats.
    """
    suffix = file.suffix.lower()
    if named and suffix in {".lab", *TABLES} - {".txt"}:
        return True
    if suffix == ".lab" and _holds_chords(file):
        return kind == "chords"
    if suffix not in TABLES:
        return _KIND_OF_SUFFIX.get(suffix) == kind
    try:
        table = read_table(file, kind)
    except InputError as error:
        cause = error.__cause__
        # JAMS that only lacks this kind may have others
        if suffix == ".svl" or (suffix == ".jams" and type(cause) is not ValueError):
            report_once(f"{file}: left, as it can't be read ({cause}); export it again")
        return suffix == ".csv" and kind == "beats"
    if suffix == ".jams":
        return True
    found = _kind_of(table)
    if named:  # it is believed of whatever begins with times; notes.txt may be any text
        return found is not None and (kind, found) != ("notes", "sections")
    found = found or (suffix == ".csv" and "beats")
    if found == "sections" and _holds_chords(file):
        found = "chords"
    return kind == found


def _holds_chords(file):
    """Whether a table of stretches has labels in Harte's syntax."""
    try:
        *_, labels = stretches(file, read_table(file, "chords"), "chords")
    except InputError:
        return False
    labels = list(filter(None, labels))
    return any(":" in name for name in labels) and all(map(_CHORD.fullmatch, labels))


_CHORD = re.compile(r"[NX]|[A-G][#b]*(:\S+)?(/[#b]*\d+)?")


def _kind_of(table):
    """What a table seems to hold; None if times are not what it begins with."""
    if "start" in table:
        if {"pitch", "frequency"} & set(table) or {"value", "level"} <= set(table):
            return "notes"
        rest = table[[n for n in ("position", "label", "value") if n in table][:1]]
    else:
        n_numbers = leading_numbers(table)
        if n_numbers == 0:
            return None
        points = n_numbers > 1 and (table[0] == table[1]).all()
        rest = table.iloc[:, 2 if points else 1 :]
    words = rest.apply(" ".join, axis=1).str.replace("New Point", "")  # of no meaning
    has_words = words.str.contains("[^-+0-9., ]").any()
    if "start" not in table and not points and n_numbers > (3 if has_words else 2):
        return "notes"  # Sonic Visualiser's have words after four numbers
    return "sections" if has_words else "beats"
