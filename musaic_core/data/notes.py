"""Notes, and their MIDI files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pretty_midi

from musaic_core.data.matching import match_notes


@dataclass
class Notes:
    """Notes in the order of their onsets.

    Parameters
    ----------
    intervals : ndarray of float, shape (n, 2)
        Onset and offset, s.
    pitches : ndarray of int, shape (n,)
        MIDI note numbers.
    velocities : ndarray of int, shape (n,)
        MIDI velocities, 1 to 127.
    parts : ndarray of str, shape (n,)
        Instrument or voice of each note.
    """

    intervals: np.ndarray
    pitches: np.ndarray
    velocities: np.ndarray
    parts: np.ndarray

    @classmethod
    def from_rows(cls, rows) -> "Notes":
        """Build notes of rows.

        Parameters
        ----------
        rows : iterable of tuple
            Onset (s), offset (s), pitch, velocity and part, in any order of rows.

        Returns
        -------
        notes : Notes
            In the order of their onsets.
        """
        rows = sorted(rows, key=lambda row: (row[0], row[2]))
        columns = list(zip(*rows, strict=True)) if rows else [[]] * 5
        return cls(
            np.array(columns[:2], dtype=float).reshape(2, -1).T,
            np.array(columns[2], dtype=int),
            np.array(columns[3], dtype=int),
            np.array(columns[4], dtype=str),
        )

    def __len__(self):
        return len(self.pitches)

    def between(self, start: float, end: float) -> "Notes":
        """Notes that begin in a stretch of time.

        Parameters
        ----------
        start, end : float
            The stretch, s.

        Returns
        -------
        notes : Notes
            With times from the start of the stretch on.
        """
        inside = (start <= self.onsets) & (self.onsets < end)
        intervals, *others = (column[inside] for column in vars(self).values())
        return Notes(intervals - start, *others)

    def table(self) -> np.ndarray:
        """Lay the notes out as one array.

        Returns
        -------
        ndarray, shape (n, 3)
            Onset (s), offset (s) and MIDI note number of each.
        """
        return np.column_stack([self.intervals, self.pitches])

    @property
    def onsets(self) -> np.ndarray:
        """Onset times, s."""
        return self.intervals[:, 0]

    @property
    def hz(self) -> np.ndarray:
        """Fundamental frequencies in equal temperament, Hz."""
        return 440.0 * 2.0 ** ((self.pitches - 69) / 12)


def read_midi(file: Path) -> Notes:
    """Read the pitched notes of a MIDI file; each lasts until its sound is damped.

    A key released under the sustain pedal (controller 64) sounds until the pedal
    rises or the key is struck again, as in MAPS and MAESTRO.

    Parameters
    ----------
    file : Path

    Returns
    -------
    notes : Notes
        Without drums.

    References
    ----------
    Hawthorne et al., "Onsets and frames: Dual-objective piano transcription", ISMIR
    2018.
    """
    rows = []
    for instrument in pretty_midi.PrettyMIDI(str(file)).instruments:
        if instrument.is_drum:
            continue
        part = instrument.name or pretty_midi.program_to_instrument_name(
            instrument.program
        )
        pedal = [c for c in instrument.control_changes if c.number == 64]
        pedal.sort(key=lambda change: change.time)
        next_onset = {}
        for note in sorted(instrument.notes, key=lambda n: n.start, reverse=True):
            damped = min(_damped(note.end, pedal), next_onset.get(note.pitch, np.inf))
            if damped > note.start:
                rows.append((note.start, damped, note.pitch, note.velocity, part))
            next_onset[note.pitch] = note.start
    return Notes.from_rows(rows)


def _damped(release, pedal):
    """When a key released at `release` (s) falls silent."""
    down = [change.value >= 64 for change in pedal if change.time <= release]
    if not down or not down[-1]:
        return release
    lifts = (c.time for c in pedal if c.time > release and c.value < 64)
    return next(lifts, release)


def write_midi(notes: Notes, file: Path) -> None:
    """Write notes as a MIDI file, one track a part, to a millisecond.

    Parameters
    ----------
    notes : Notes
    file : Path
    """
    midi = pretty_midi.PrettyMIDI(resolution=960)
    for part in sorted(set(notes.parts)):
        instrument = pretty_midi.Instrument(program=0, name=str(part))
        for i in np.flatnonzero(notes.parts == part):
            onset, offset = notes.intervals[i]
            instrument.notes.append(
                pretty_midi.Note(
                    int(notes.velocities[i]), int(notes.pitches[i]), onset, offset
                )
            )
        midi.instruments.append(instrument)
    midi.write(str(file))


def compare(
    estimate: np.ndarray, reference: np.ndarray | None
) -> dict[str, np.ndarray]:
    """Sort notes by whether their onsets match, within 50 ms and a quarter tone.

    Parameters
    ----------
    estimate, reference : ndarray, shape (n, 3)
        As `Notes.table` gives them; the reference may be None.

    Returns
    -------
    dict of str to ndarray, shape (n, 3)
        ``found``, ``missed`` and ``wrong``; ``estimated`` where there is no reference.
    """
    if reference is None:
        return {"estimated": estimate}
    found = np.zeros(len(estimate), bool)
    heard = np.zeros(len(reference), bool)
    for i, j in match_notes(reference, estimate):
        heard[i] = found[j] = True
    return {
        "found": estimate[found],
        "missed": reference[~heard],
        "wrong": estimate[~found],
    }
