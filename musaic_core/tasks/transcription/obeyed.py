"""What a user says of notes holds, whatever a model found."""

from collections.abc import Iterable

import numpy as np

from musaic_core.data.hints import Hint
from musaic_core.data.notes import SHORTEST, Notes

TOLERANCE = 0.05  # s within which onsets are the same
VELOCITY = 80  # of a note where there are no others


def obeyed(notes: Notes, hints: Iterable[Hint]) -> Notes:
    """Notes of which a user has said that some sound, and others do not.

    One that sounds is there, from its start to its end, and no other of its pitch in
    that time. Where none sounds, none begins, and one that began before ends.

    Parameters
    ----------
    notes : Notes
        As a model found them.
    hints : iterable of Hint
        Labelled with MIDI numbers. What is said later holds where they contradict each
        other.

    Returns
    -------
    notes : Notes
    """
    hints = list(hints)
    if not hints:
        return notes
    rows = list(zip(*notes.table().T, notes.velocities, notes.parts, strict=True))
    usual = int(np.median(notes.velocities)) if len(notes) else VELOCITY
    for hint in hints:
        rows = [row for old in rows for row in _outside(old, hint)]
        if hint.sounds:
            rows.append((hint.start, hint.end, hint.label, usual, "estimate"))
    return Notes.from_rows(rows)


def _outside(row, hint):
    """What is left of a note where a hint holds."""
    onset, offset, pitch, *others = row
    # the next note may begin as this one ends
    begins = hint.start - TOLERANCE <= onset < max(hint.end - TOLERANCE, hint.start)
    begins |= abs(onset - hint.start) <= TOLERANCE
    if pitch != hint.label or not (begins or onset < hint.start < offset):
        yield row
    elif not begins and hint.start - onset >= SHORTEST:
        yield onset, hint.start, pitch, *others
