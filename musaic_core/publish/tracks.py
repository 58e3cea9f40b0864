"""What a track's page plays and draws: recording, notes, stems, sections, factors."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import librosa
import numpy as np

from musaic_core.data.audio import read_audio
from musaic_core.data.errors import InputError
from musaic_core.publish.allowed import Allowed, RefusedError
from musaic_core.publish.pack import compress, write_audio, write_once, write_packed
from musaic_core.publish.results import Benchmark

EXCERPT = 5  # s, amid the recording, of stems and components
FLOOR, STEP = 60, 2  # dB: where a factor counts as zero, and how fine it is kept
PEAKS = 800  # points of a waveform
SHOWN = {"notes", "sections", "stems", "factors", "text"}  # of an answer


@dataclass
class Page:
    """A recording with every answer that was given for it.

    Parameters
    ----------
    slug : str
        Name of the page.
    id : str
        The recording's own.
    audio : str
        Its files, as the results name them.
    duration : float or None
        How much of it was analysed, amid its files, s; None where nobody knows.
    rows : list of (Benchmark, named tuple)
        One for each task, corpus, solver and repetition.
    in_full : bool
        Whether stems and factors are published: of the first of each corpus, and
        there of the best answer of each solver for each task.
    """

    slug: str
    id: str
    audio: str
    duration: float | None
    rows: list = field(default_factory=list)
    in_full: bool = False


def slug(*words: object) -> str:
    """Make a file name of words.

    Parameters
    ----------
    *words : object
        Text, or what has a text.

    Returns
    -------
    str
        Of small letters, digits, dots and hyphens; never empty.
    """
    text = " ".join(map(str, words)).replace("β", "beta").lower()
    return re.sub(r"[^a-z0-9.]+", "-", text).strip("-.") or "unnamed"


def find_recordings(benchmarks: Iterable[Benchmark]) -> list[Page]:
    """Join the rows of all tasks by the audio that they are about.

    Parameters
    ----------
    benchmarks : iterable of Benchmark
        With the column ``label``.

    Returns
    -------
    list of Page
        One for each recording that has audio, or that a solver saved an answer for.
    """
    found = {}
    for benchmark in benchmarks:
        rows = benchmark.rows
        rows = rows[(rows["objective_audio"] != "") | (rows["objective_files"] != "")]
        for dataset, group in rows.groupby("dataset_name", sort=False):
            durations = group.groupby("objective_track")["objective_duration"].max()
            first = group["objective_track"].iloc[0]
            for row in group.itertuples():
                duration = durations[row.objective_track]
                duration = None if np.isnan(duration) else float(duration)
                audio = row.objective_audio
                part = None if duration is None else round(duration, 1)
                key = (audio or dataset, row.objective_track, part)
                page = found.setdefault(
                    key, Page("", row.objective_track, audio, duration)
                )
                page.rows.append((benchmark, row))
                page.in_full |= row.objective_track == first
    taken = set()
    for page in found.values():
        base = page.rows[0][1].dataset_name.split("[")[0]
        name = slug(base, page.id)[:80]
        page.slug = name
        while page.slug in taken:
            page.slug = f"{name}-{len(taken)}"
        taken.add(page.slug)
    return list(found.values())


def write_media(recording: Page, folder: Path, allowed: Allowed) -> dict | None:
    """Write what the page of a recording loads.

    Parameters
    ----------
    recording : Page
        From `find_recordings`.
    folder : Path
        Of the packed files.
    allowed : Allowed
        Says which files may be read.

    Returns
    -------
    dict or None
        What to say of it: ``duration`` (s), the list ``missing`` of what is not there
        and why, and the ``answers``. None where there is nothing to hear or to look at,
        or where the recording may not be published.
    """
    page = {"duration": 0.0, "missing": [], "peaks": [], "answers": []}
    page["recording"] = page["reference"] = page["sections"] = None
    try:
        y, sr = _read_recording(recording, allowed)
        page["duration"] = y.shape[1] / sr
        page["peaks"] = peaks(y)
        page["recording"] = write_audio(y, sr, folder)
    except RefusedError:
        return None
    except Exception as error:
        page["duration"] = recording.duration or 0.0
        page["missing"].append(f"the recording can't be played here: {error}")
    page["excerpt"] = max(0.0, (page["duration"] - EXCERPT) / 2)
    in_full, reasons = set(), {}
    for benchmark, row in _best_first(recording.rows):
        solver = row.solver_name.split("[")[0]
        answer = {
            "id": slug(benchmark.name, row.corpus, row.label, f"{row.idx_rep:.0f}"),
            "task": benchmark.title,
            "corpus": row.corpus,
            "label": row.label + (f" {row.idx_rep + 1:.0f}" if row.idx_rep else ""),
            "kind": row.objective_kind,
            "solver": f"../solvers/{slug(solver)}.html",
            "score": row.objective_value if np.isfinite(row.objective_value) else None,
            "error": row.objective_error,
        }
        if row.objective_files:
            best = recording.in_full and (benchmark.name, solver) not in in_full
            try:
                source = allowed.answer(benchmark, row.objective_files)
                if not source.is_dir():
                    raise InputError("not there any more")
                media = benchmark.objective.media(source)
                answer |= _answer(media, source, best, page, folder)
                in_full.add((benchmark.name, solver))
            except Exception as error:
                reasons.setdefault(str(error), []).append(row.objective_files)
        page["answers"].append(answer)
    for reason, files in reasons.items():
        more = f" and {len(files) - 3} more" if len(files) > 3 else ""
        page["missing"].append(f"{', '.join(files[:3])}{more}: {reason}")
    shown = any(SHOWN & set(answer) for answer in page["answers"])
    if not (recording.audio or shown or reasons):
        return None
    text = json.dumps(page, separators=(",", ":"))
    write_packed(compress(text.encode("utf-8")), folder / f"{recording.slug}.js")
    return page


def _read_recording(recording, allowed):
    """The sum of its files; of each, the part that was analysed."""
    if not recording.audio:
        raise InputError("the results name no audio file of it")
    files = allowed.audio(recording.rows[0][0], recording.audio)
    parts = [read_audio(file, recording.duration) for file in files]
    rates = {sr for _, sr in parts}
    if len(rates) > 1:
        raise InputError(f"{files[0].parent}: files of different sampling rates")
    length = min(y.shape[1] for y, _ in parts)
    return sum(y[:, :length] for y, _ in parts), rates.pop()


def _best_first(rows):
    """Rows by task, in the order in which tasks came, and by score."""
    tasks = [benchmark.name for benchmark, _ in rows]

    def order(answer):
        benchmark, row = answer
        score = row.objective_value * (1 if benchmark.lower_is_better else -1)
        return tasks.index(benchmark.name), np.nan_to_num(score, nan=np.inf)

    return sorted(rows, key=order)


def _answer(media, source, in_full, page, folder):
    """What the task shows of an answer; puts the reference, if it has one, on the page.

    Parameters
    ----------
    media : dict
        From the objective's hook of that name.
    source : Path
        The answer's folder, which its files lie in.
    in_full : bool
        Whether stems and factors are wanted.
    page : dict
        From `write_media`.
    folder : Path
        Of the packed files.
    """
    answer = {}
    if media.get("reference_notes") is not None and page["reference"] is None:
        page["reference"] = _rounded(media["reference_notes"])
    if media.get("reference_sections") is not None and page["sections"] is None:
        page["sections"] = _sections(media["reference_sections"])
    if media.get("notes") is not None:
        answer["notes"] = {
            kind: _rounded(table) for kind, table in media["notes"].items()
        }
    if media.get("sections") is not None:
        answer["sections"] = _sections(media["sections"])
    if media.get("text"):
        answer["text"] = str(media["text"])
    if in_full and media.get("stems"):
        answer["stems"] = {}
        for name, file in media["stems"].items():
            y, sr = read_audio(source / file)
            start = max(0, (y.shape[1] - EXCERPT * sr) // 2)
            excerpt = y[:, start : start + EXCERPT * sr]
            answer["stems"][name] = write_audio(excerpt, sr, folder)
    if in_full and media.get("factors"):
        data = pack_factors(source / media["factors"], page["excerpt"])
        answer["factors"] = write_once(data, folder, compress)
    return answer


def pack_factors(file: Path, start: float) -> bytes:
    """The middle of templates and activations for the page's own Wiener filter.

    Parameters
    ----------
    file : Path
        From `musaic_core.results.saved.save_factors`, of a recording or its middle.
    start : float
        Where in the recording the middle begins, s.

    Returns
    -------
    bytes
        A line of JSON, then templates (R, F) and activations (R, T), a byte each:
        steps above the floor, 0 for silence; each template's maximum is 0 dB. Layers
        are shares: column k of ``layer_2`` says what template k is made of.
        Components silent in the excerpt are left out.
    """
    with np.load(file) as saved:
        W, H = saved["templates"].astype(float), saved["activations"].astype(float)
        labels, frame = saved["labels"], float(saved["frame"])
        frequencies = saved["frequencies"]
        layers = {k: saved[k].astype(float) for k in sorted(saved) if "layer" in k}
    n = round(EXCERPT / frame)
    middle = max(0, (H.shape[1] - n) // 2)
    H = H[:, middle : middle + n]
    first = round(start / frame)
    return pack_levels(W, H, labels, frequencies, frame, first, layers)[0]


def pack_levels(
    W: np.ndarray,
    H: np.ndarray,
    labels: np.ndarray,
    frequencies: np.ndarray,
    frame: float,
    first: int = 0,
    layers: dict[str, np.ndarray] | None = None,
) -> tuple[bytes, np.ndarray]:
    """Templates and activations as bytes, for a page to draw and play.

    Parameters
    ----------
    W, H : ndarray, shape (F, C) and (C, T)
    labels : ndarray, shape (C,)
        What each stands for.
    frequencies : ndarray, shape (F,)
        Hz.
    frame : float
        Between two columns of `H`, s.
    first : int
        The recording's column that `H` begins with.
    layers : dict of str to ndarray, optional
        Shares, by the names of the layers.

    Returns
    -------
    data : bytes
        As `pack_factors` says.
    kept : ndarray of int, shape (R,)
        Which components they are.
    """
    layers = layers or {}
    H = H * W.max(0)[:, None]
    W = W / np.maximum(W.max(0), 1e-12)
    H = _levels(H)
    kept = np.flatnonzero(H.any(1))
    kept = kept[np.argsort(labels[kept], kind="stable")]
    W, H = _levels(W.T)[kept], H[kept]
    if "layer_2" in layers:  # the columns are these templates
        layers = layers | {"layer_2": layers["layer_2"][:, kept]}
    header = {
        "shape": [*W.shape, H.shape[1]],
        "floor": FLOOR,
        "step": STEP,
        "frame": frame,
        "first": first,
        "frequencies": np.round(frequencies, 1).tolist(),
        "names": component_names(labels[kept].tolist()),
        "layers": {
            name: np.round(matrix / (matrix.sum(0) + 1e-12), 3).tolist()
            for name, matrix in layers.items()
        },
    }
    data = json.dumps(header).encode() + b"\n" + W.tobytes() + H.tobytes()
    return data, kept


def _levels(array):
    """Steps above the floor."""
    relative = array / (array.max(initial=0) or 1.0)
    decibels = FLOOR + 20 * np.log10(np.maximum(relative, 1e-12))
    return np.maximum(np.round(decibels / STEP), 0).astype(np.uint8)


def component_names(labels: Iterable, unlabelled: str = "–") -> list[str]:
    """Name components by their labels; what several of them share is numbered.

    Parameters
    ----------
    labels : iterable of str or int
        Names of stems, or MIDI numbers; 0 for none.
    unlabelled : str
        What is put where there is no label.

    Returns
    -------
    list of str
    """
    names = [
        unlabelled
        if not label
        else str(label)
        if isinstance(label, str)
        else librosa.midi_to_note(int(label))
        for label in labels
    ]
    return [
        f"{name} {names[: i + 1].count(name)}" if names.count(name) > 1 else name
        for i, name in enumerate(names)
    ]


def peaks(y: np.ndarray) -> list[int]:
    """The waveform's envelope.

    Parameters
    ----------
    y : ndarray, shape (channels, samples)
        It may lie in a file: a part at a time is read.

    Returns
    -------
    list of int
        In per cent of its maximum.
    """
    parts = pairwise(np.linspace(0, y.shape[1], PEAKS + 1).astype(int).tolist())
    level = np.array([np.abs(y[:, a : max(b, a + 1)]).max() for a, b in parts])
    return np.round(100 * level / (level.max() or 1.0)).astype(int).tolist()


def _rounded(table):
    """Notes as onset (s), offset (s), pitch."""
    rows = np.asarray(table, float).reshape(-1, 3).tolist()
    return [[round(a, 2), round(b, 2), int(pitch)] for a, b, pitch in rows]


def _sections(rows):
    """Sections as start (s), end (s), label."""
    return [
        [round(float(a), 2), round(float(b), 2), str(label)] for a, b, label in rows
    ]
