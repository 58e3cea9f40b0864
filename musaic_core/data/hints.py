"""What a user says of a recording, and the file that it is kept in."""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from musaic_core.data.errors import InputError

BOUNDARY = "boundary"  # the label of hints of where sections begin


@dataclass(frozen=True)
class Hint:
    """What a user says of a stretch of a recording; it may be wrong.

    Parameters
    ----------
    label : int or str
        MIDI note number, name of a stem, or `BOUNDARY`.
    start, end : float
        The stretch, s; of a boundary they may be the same time.
    sounds : bool
        Whether it is there: a note beside others; a stem alone; a section begins.
    low, high : float
        Of a stem, the band that is spoken of, Hz: a region of the spectrogram that is
        the stem's alone, or has none of it. By default all frequencies.

    References
    ----------
    Lefèvre, Bach and Févotte, "Semi-supervised NMF with time-frequency annotations for
    single-channel source separation", ISMIR 2012 (regions).
    """

    label: int | str
    start: float
    end: float
    sounds: bool = False
    low: float = 0.0
    high: float = math.inf

    @property
    def is_region(self) -> bool:
        """Whether it speaks of a band, and not of all frequencies."""
        return self.low > 0 or self.high < math.inf


_NAMES = [field.name for field in fields(Hint)]
_EXAMPLE = '{"label": "bass", "start": 1.5, "end": 3.0, "sounds": false}'


def read_hints(file: Path) -> list[Hint]:
    """Read hints that were kept in a file.

    Parameters
    ----------
    file : Path
        JSON as `write_hints` writes it: a list of objects with label, start, end and
        sounds, and low and high where one of them says something.

    Returns
    -------
    list of Hint
        In the file's order.

    Raises
    ------
    InputError
        The file can't be read, or an entry is no hint: the message says which.
    """
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{file}: not readable as JSON ({error}); mend it, or remove it to go on "
            "without hints"
        ) from None
    if not isinstance(entries, list):
        raise InputError(f"{file}: holds no list; write [{_EXAMPLE}, …]")
    hints = []
    for i, entry in enumerate(entries, 1):
        try:
            hints.append(hint_from_json(entry))
        except InputError as error:
            raise InputError(f"{file}: entry {i}: {error}") from None
    return hints


def write_hints(file: Path, hints: Iterable[Hint]) -> None:
    """Keep hints in a file that a person can read and mend.

    Parameters
    ----------
    file : Path
        Of JSON, one hint a line. What is there is replaced.
    hints : iterable of Hint
    """
    lines = [json.dumps(hint_to_json(hint), ensure_ascii=False) for hint in hints]
    text = ",\n  ".join(lines)
    file.write_text(f"[\n  {text}\n]\n" if lines else "[]\n", encoding="utf-8")


def hint_from_json(entry: Any) -> Hint:
    """Read one hint.

    Parameters
    ----------
    entry : object
        As JSON holds it.

    Returns
    -------
    Hint

    Raises
    ------
    InputError
        It is no hint; the message says why.
    """
    if wrong := _what_is_wrong(entry):
        raise InputError(wrong)
    return Hint(**entry)


def hint_to_json(hint: Hint) -> dict:
    """Tell a hint as JSON can hold it: low and high where they say something.

    Parameters
    ----------
    hint : Hint

    Returns
    -------
    dict
    """
    told = asdict(hint)
    if hint.low == 0:
        del told["low"]
    if hint.high == math.inf:  # which JSON can't say
        del told["high"]
    return told


def _what_is_wrong(entry):
    """Why an entry is no hint, and what would be one; None if it is."""
    if not isinstance(entry, dict):
        return f"is no object; write {_EXAMPLE}"
    if missing := [name for name in _NAMES[:4] if name not in entry]:
        return f"has no {missing[0]}; write {_EXAMPLE}"
    if unknown := [name for name in entry if name not in _NAMES]:
        return f"{unknown[0]!r} is nothing that hints have; choose {', '.join(_NAMES)}"
    if type(entry["label"]) not in (int, str):
        return "its label is neither a MIDI note number nor a name"
    if type(entry["sounds"]) is not bool:
        return "its sounds is neither true nor false"
    for name in set(entry) - {"label", "sounds"}:
        if type(entry[name]) not in (int, float) or not 0 <= entry[name] < math.inf:
            return f"its {name} is no number from 0 on"
    start, end = entry["start"], entry["end"]
    if end < start or (end == start and entry["label"] != BOUNDARY):
        return f"ends at {end:g} s, and has to end after its start at {start:g} s"
    low, high = entry.get("low", 0), entry.get("high", math.inf)
    if high <= low:
        return f"its band ends at {high:g} Hz, and has to end above {low:g} Hz"
