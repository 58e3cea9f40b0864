"""Files of annotations, in whatever form, as tables of text."""

import codecs
import csv
import json
import re
import xml.etree.ElementTree
from pathlib import Path

import numpy as np
import pandas as pd

from musaic_core.data.errors import InputError

# What is said of each kind where a file can't be read.
WANTED = {
    "notes": "notes are MIDI, or onset, offset and pitch in each line",
    "beats": "beats are time and position in the bar in each line",
    "sections": "sections are start, end and label in each line",
    "chords": "chords are start, end and label in each line",
}

# Names of columns as tools write them, in small letters alone.
_NAMES = {
    "start": "start starttime onset onsettime time begin from",
    "end": "end endtime offset offsettime stop to",
    "duration": "duration dur length",
    "pitch": "pitch midipitch pitchmidi midi midinote note notenumber",
    "frequency": "frequency freq hz f pitchhz frequencyhz freqhz",
    "velocity": "velocity vel",
    "position": "position beat beatposition",
    "label": "label section segment function chord name",
}
_CANONICAL = {
    name: column for column, names in _NAMES.items() for name in names.split()
}

# Namespaces of JAMS, in the order in which they are looked for.
_NAMESPACES = {
    "notes": ("note_midi", "note_hz", "pitch_midi", "pitch_hz"),
    "beats": ("beat", "beat_position"),
    "sections": (
        *("segment_open", "segment_salami_upper", "segment_salami_function"),
        *("segment_tut", "multi_segment", "segment_salami_lower"),
    ),
    "chords": ("chord", "chord_harte"),
}


def read_table(file: Path, kind: str) -> pd.DataFrame:
    """Read JAMS, a layer of Sonic Visualiser, or lines of text in columns.

    Parameters
    ----------
    file : Path
        In UTF-8, UTF-16 or Latin-1, with any line ending. Columns are separated by
        tabs, commas, semicolons or blanks.
    kind : str
        What is wanted of it: notes, beats, sections or chords.

    Returns
    -------
    DataFrame of str
        One row an event; its index says where in the file, such as "line 3". Columns
        have the names of `_NAMES` where the file says what they are, else numbers.

    Raises
    ------
    InputError
        The file can't be read, or has nothing of that kind.
    """
    file = Path(file)
    try:
        text = _text(file.read_bytes())
        if file.suffix.lower() == ".jams" or text.lstrip().startswith("{"):
            table = _jams(json.loads(text), kind)
        elif file.suffix.lower() == ".svl" or text.lstrip().startswith("<"):
            table = _layer(xml.etree.ElementTree.fromstring(text))
        else:
            table = _lines(text)
        if table.empty:
            raise ValueError(f"it has no {kind}")
    except Exception as error:
        raise InputError(
            f"{file}: not a readable table of {kind} ({error}); {WANTED[kind]}"
        ) from error
    return table


def numbers(file: Path, kind: str, cells: pd.Series) -> np.ndarray:
    """Read a column's numbers; commas may be decimal signs, and times 1:02:03.5.

    Parameters
    ----------
    file : Path
    kind : str
        As `read_table` takes it.
    cells : Series of str
        A column of `read_table`.

    Returns
    -------
    ndarray of float

    Raises
    ------
    InputError
        A cell is no finite number.
    """
    values = _numeric(cells)
    for place, cell, value in zip(cells.index, cells, values, strict=True):
        if not np.isfinite(value):
            raise InputError(
                f"{file}: {place}: {str(cell)[:40]!r} is no number; {WANTED[kind]}"
            )
    return values


def leading_numbers(table: pd.DataFrame) -> int:
    """Count the first columns whose cells are numbers, but for mistakes.

    Parameters
    ----------
    table : DataFrame
        Of `read_table`.

    Returns
    -------
    int
    """
    are_numbers = [
        np.isfinite(_numeric(cells)).mean() > 0.5 for _, cells in table.items()
    ]
    return (*are_numbers, False).index(False)


def _numeric(cells):
    """Numbers in cells, NaN where there is none; 1:02.5 is 62.5 s."""
    cells = cells.str.strip().str.replace(r"^([^.,]*),([^.,]*)$", r"\1.\2", regex=True)
    values = pd.to_numeric(cells, errors="coerce").to_numpy(float)
    clock = cells.str.extract(r"^(?:(\d+):)?(\d+):(\d\d(?:\.\d+)?)$").astype(float)
    hours, minutes, seconds = clock.fillna({0: 0}).to_numpy().T
    return np.where(np.isnan(seconds), values, 3600 * hours + 60 * minutes + seconds)


def _text(data):
    """Decode text in any Unicode encoding that says so, in UTF-8, or in Latin-1."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF32_LE, "utf-32"),  # which begins like that of UTF-16
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(encoding)
    if data[1:2] == b"\0":
        return data.decode("utf-16-le")
    if data[:1] == b"\0":
        return data.decode("utf-16-be")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _lines(text):
    """Lines of text in columns, perhaps with their names in the first line."""
    lines = [
        (f"line {number}", line)
        for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1)
        # Audacity has a line with a backslash of the frequencies of a label
        if line.strip() and line.lstrip()[0] not in "%\\"
    ]
    comments = [line for _, line in lines if line.lstrip()[0] == "#"]
    lines = [(place, line) for place, line in lines if line.lstrip()[0] != "#"]
    if not lines:
        return pd.DataFrame()
    header, separator = _header(lines[0][1])
    if header is not None:
        del lines[0]
    if lines and (separator is None or separator not in lines[0][1]):
        separator = _separator(lines[0][1])
    rows = [_cells(line, separator) for _, line in lines]
    for comment in comments if header is None else ():  # REAPER's names are in one
        names, _ = _header(comment.lstrip("# "))
        if names is not None and len(names) == len(rows[0]):
            header = names
    width = max(map(len, rows), default=0)
    if header is not None:
        width = max(width, len(header))
        header = [*header, *range(len(header), width)]
    return pd.DataFrame(
        [row + [""] * (width - len(row)) for row in rows],
        index=[place for place, _ in lines],
        columns=header,
        dtype=str,
    )


def _header(line):
    """Names of the columns in a line, and what separates them; None where it has none.

    Names may have blanks in them, such as "Start time [s]".
    """
    for separator in ("\t", ";", ",", None):
        if separator is None or separator in line:
            cells = _cells(line, separator)
            names = _named(cells)
            is_number = np.isfinite(_numeric(pd.Series(cells, dtype=str)))
            if "start" in names and not is_number.any():
                return names, separator
    return None, None


def _separator(line):
    """What separates the columns of a line: what follows the first; None are blanks."""
    if "\t" in line.strip():
        return "\t"
    for separator, first in ((";", r"[\w.:,+-]*"), (",", r"[\w.:+-]*")):
        if re.match(rf'\s*("[^"]*"|{first})\s*{separator}', line):
            return separator
    return None


def _cells(line, separator):
    if separator is None:
        return line.split()
    if separator == "\t":  # some tools write two in a row
        return [cell.strip() for cell in re.split(r"\t+", line.strip())]
    return [cell.strip() for cell in next(csv.reader([line], delimiter=separator))]


def _named(names):
    """Names of columns: those of `_NAMES`, where they are meant, once each."""
    named = []
    for name in names:
        alone = re.sub(r"[_ ]s(ec(onds?)?)?$", "", str(name).lower())
        plain = re.sub(r"[\[(].*|[^a-z]", "", alone)
        column = _CANONICAL.get(plain, plain)
        named.append(column if column not in named else f"{column} {len(named)}")
    return named


def _jams(jam, kind):
    """The annotations of the first namespace of a kind that there are; see JAMS 0.3."""
    for namespace in _NAMESPACES[kind]:
        found = [
            list(_observations(annotation))
            for annotation in jam["annotations"]
            if annotation["namespace"] == namespace
        ]
        # of each string of a guitar, or by the first who annotated
        found = list(filter(None, found))[: None if kind == "notes" else 1]
        rows = [row for rows in found for row in rows]
        if rows:
            break
    else:
        raise ValueError(f"it has no {kind}: none of {', '.join(_NAMESPACES[kind])}")
    value = {"notes": "frequency" if namespace.endswith("hz") else "pitch"}
    value |= {"beats": "position"}
    return pd.DataFrame(
        rows,
        index=[f"observation {number}" for number in range(1, len(rows) + 1)],
        columns=["start", "duration", value.get(kind, "label")],
        dtype=str,
    )


def _observations(annotation):
    """Time, duration and value of each, as text; they are rows, or columns."""
    data = annotation["data"]
    keys = "time", "duration", "value"
    if isinstance(data, dict):
        rows = zip(*(data[key] for key in keys), strict=True)
    else:
        rows = ([row[key] for key in keys] for row in data)
    for time, duration, value in rows:
        if isinstance(value, dict):
            if value.get("level"):  # a smaller section within one of level 0
                continue
            value = value.get("position", value.get("label"))
        yield str(time), str(duration), "" if value is None else str(value)


def _layer(root):
    """The points of a layer of Sonic Visualiser, whose times are in frames."""
    (model,) = (m for m in root.iter("model") if m.get("type") == "sparse")
    rate = float(model.get("sampleRate"))
    units = (model.get("units") or "").lower()
    value = "pitch" if "note" in (model.get("subtype") or "") else "value"
    value = {"hz": "frequency", "midi pitch": "pitch"}.get(units, value)
    rows = []
    for point in root.iter("point"):
        row = {"start": str(int(point.get("frame")) / rate)}
        if point.get("duration") is not None:
            row["duration"] = str(int(point.get("duration")) / rate)
        if point.get("value") is not None:
            row[value] = point.get("value")
        rows.append(row | {"label": point.get("label") or ""})
    index = [f"point {number}" for number in range(1, len(rows) + 1)]
    return pd.DataFrame(rows, index=index, dtype=str).fillna("")
