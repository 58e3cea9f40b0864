"""Stretches of a recording in a table: which columns say where they begin and end."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from musaic_core.data.forms import leading_numbers, numbers

ROUNDING = 0.05  # s: overlaps and gaps below it are of no account


def stretches(
    file: Path, table: pd.DataFrame, kind: str
) -> tuple[np.ndarray, np.ndarray | None, list[str | None]]:
    """Tell starts, ends and labels of a table's rows, whatever columns they are in.

    Parameters
    ----------
    file : Path
        What errors name.
    table : DataFrame of str
        As `read_table` gives it, with names of columns or without: then they are start
        and end, start and duration, start, value and duration, or starts alone, and
        that is believed by which stretches follow each other best.
    kind : str
        sections or chords.

    Returns
    -------
    start : ndarray of float, shape (n,)
        s.
    end : ndarray of float, shape (n,), or None
        s; None where each stretch ends as the next begins.
    labels : list of str or None
        None where a line of SALAMI's begins no large section.

    Raises
    ------
    InputError
        A time is no number.
    """
    if "start" in table:
        start = numbers(file, kind, table["start"])
        readings = [(None, 0)]
        if "end" in table and table["end"].any():  # markers have none
            readings = [(numbers(file, kind, table["end"]), 0)]
        elif "duration" in table and table["duration"].any():
            readings = [(start + numbers(file, kind, table["duration"]), 0)]
        if np.array_equal(start, readings[0][0]):  # points in time
            readings = [(None, 0)]
        names = [name for name in ("label", "value") if name in table]
        texts = table[names[:1]]
    else:  # by place: start; start, end; start, duration; start, value, duration
        n_numbers = max(1, leading_numbers(table))
        columns = [numbers(file, kind, table[k]) for k in range(min(n_numbers, 3))]
        start, *others = columns
        readings = [(end, 2) for end in others[:1]]
        readings += [(start + other, 2 + k) for k, other in enumerate(others)]
        if not others or np.array_equal(start, others[0]):  # points in time
            readings = [(None, 1 + bool(others))]
        texts = table
    misfits = [
        0.0 if end is None else _misfit(start, end)
        for end, _ in (readings if len(start) > 1 else readings[:1])
        if len(start) > 1
    ]
    best = int(np.argmin(misfits)) if misfits else 0
    end, n_used = readings[best]
    if table.shape[1] == 2 and misfits and misfits[best] > ROUNDING:
        end, n_used = None, 1  # the second number is a label
    elif kind == "sections" and "start" not in table and _are_values(start, end):
        end, n_used = None, 2
    labels = [" ".join(row).strip() for row in texts.iloc[:, n_used:].to_numpy()]
    if end is None:
        large = [_salami(label) for label in labels]
        named = {name.lower() for name in large if name} - {"silence", "end"}
        return start, None, large if named else labels  # which may be small ones alone
    return start, end, labels


def _misfit(start, end):
    """How far stretches are from following each other, s.

    Starts and ends that are in each other's place are not taken for durations: where
    they are read, an error tells the line.
    """
    exchanged = np.median(np.abs(start[:-1] - end[1:])) < ROUNDING
    return 0.0 if exchanged else np.median(np.abs(end[:-1] - start[1:]))


def _are_values(start, end):
    """Whether what looks like ends leaves most of a recording without sections."""
    if end is None or len(start) < 2 or (end < start).any():
        return False
    return (end - start).sum() < 0.5 * (end[-1] - start[0])


def _salami(label):
    """The large section that a line of SALAMI's begins; None if it begins none.

    Such lines have letters of large sections, small letters of the parts of these,
    functions and instruments: "A, a, Verse, (voice".
    """
    names = [name.strip() for name in label.split(",")]
    large = next((n for n in names if re.fullmatch(r"[A-Z]'*", n)), None)
    words = [n for n in names if not re.fullmatch(r"[a-z]'*|\(.*|.*\)", n)]
    return large or next(iter(words), None)
