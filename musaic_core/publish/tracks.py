"""What a track's page plays and draws: recording, notes, stems, sections, factors."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import librosa
import numpy as np
import pandas as pd

from musaic_core.data.notes import compare
from musaic_core.data.track import InputError, Track, read_audio
from musaic_core.publish.pack import compress, write_audio, write_once, write_packed
from musaic_core.publish.results import Benchmark

EXCERPT = 5  # s, amid the recording, of stems and components
FLOOR, STEP = 60, 2  # dB: where a factor counts as zero, and how fine it is kept
PEAKS = 800  # points of a waveform


@dataclass
class Recording:
    """A recording with every answer that was given for it.

    Parameters
    ----------
    slug, id : str
        Name of the page, and the track's own.
    track : Track or None
        None where its corpus was not found.
    rows : list of (Benchmark, row)
        One for each task, corpus and solver.
    in_full : bool
        Whether stems and factors are published: of the first of each corpus, and
        there of the best answer of each solver for each task.
    """

    slug: str
    id: str
    track: Track | None
    rows: list = field(default_factory=list)
    in_full: bool = False


def slug(*words) -> str:
    """A file name of words."""
    text = " ".join(map(str, words)).replace("β", "beta").lower()
    return re.sub(r"[^a-z0-9.]+", "-", text).strip("-.") or "unnamed"


def find_recordings(benchmarks: list[Benchmark]) -> list[Recording]:
    """Join the rows of all tasks by the audio files that they are about."""
    found = {}
    for benchmark in benchmarks:
        if "objective_files" not in benchmark.rows or benchmark.lower_is_better:
            continue
        for dataset, rows in benchmark.rows.groupby("dataset_name", sort=False):
            tracks = _corpus(benchmark, dataset, rows)
            first = rows["objective_track"].iloc[0]
            for row in rows.itertuples():
                track = tracks.get(row.objective_track)
                files = tuple(track.stem_files.values()) if track else dataset
                recording = found.setdefault(
                    (files, row.objective_track),
                    Recording("", row.objective_track, track),
                )
                recording.rows.append((benchmark, row))
                recording.in_full |= row.objective_track == first
    taken = set()
    for recording in found.values():
        base = recording.rows[0][1].dataset_name.split("[")[0]
        name = slug(base, recording.id)[:80]
        recording.slug = name
        while recording.slug in taken:
            recording.slug = f"{name}-{len(taken)}"
        taken.add(recording.slug)
    return list(found.values())


def _corpus(benchmark, name, rows):
    """Tracks of a corpus by id, as its dataset's file lists them."""
    parameters = {
        column.removeprefix("p_dataset_"): value
        for column, value in rows.iloc[0].items()
        if column.startswith("p_dataset_") and pd.notna(value)
    }
    try:
        datasets = {d.name: d for d in benchmark.plugins.get_datasets()}
        data = datasets[name.split("[")[0]].get_instance(**parameters).get_data()
        return {track.id: track for track in data["test"]}
    except Exception as error:
        benchmark.problems.append(
            f"{name}: its recordings were not found, so its pages are silent "
            f"({type(error).__name__}: {error})"
        )
        return {}


def write_media(recording: Recording, folder: Path) -> dict:
    """Write what the page of a recording loads.

    Parameters
    ----------
    recording : Recording
    folder : Path
        Of the packed files.

    Returns
    -------
    dict
        What to say of it: ``duration`` (s) and the list ``missing``.
    """
    page = {"duration": 0.0, "missing": [], "peaks": [], "answers": []}
    page["recording"] = page["reference"] = page["sections"] = None
    track = recording.track
    try:
        if track is None:
            raise InputError("the recording was not found, so it can't be played here")
        y, sr = track.audio()
        page["duration"] = y.shape[1] / sr
        page["peaks"] = _peaks(y)
        page["recording"] = write_audio(y, sr, folder)
        page["reference"] = _rounded(track.notes.table()) if track.notes else None
        page["sections"] = _sections(track.sections)
    except (InputError, OSError) as error:
        page["missing"].append(str(error))
    page["excerpt"] = max(0.0, (page["duration"] - EXCERPT) / 2)
    tasks = [benchmark.name for benchmark, _ in recording.rows]
    best_first = sorted(
        recording.rows,
        key=lambda answer: (
            tasks.index(answer[0].name),
            -np.nan_to_num(answer[1].objective_value, nan=-1e9),
        ),
    )
    in_full = set()
    for benchmark, row in best_first:
        solver = row.solver_name.split("[")[0]
        answer = {
            "id": slug(benchmark.name, row.corpus, row.label),
            "task": benchmark.title,
            "corpus": row.corpus,
            "label": row.label,
            "solver": f"../solvers/{slug(solver)}.html",
            "score": row.objective_value if np.isfinite(row.objective_value) else None,
            "error": row.objective_error,
        }
        source = benchmark.file.parent / row.objective_files
        if row.objective_files and not source.is_dir():
            page["missing"].append(f"{row.objective_files}: not there any more")
        elif row.objective_files:
            try:
                best = recording.in_full and (benchmark.name, solver) not in in_full
                answer |= _answer(source, best, page, folder)
                in_full.add((benchmark.name, solver))
            except Exception as error:
                page["missing"].append(f"{row.objective_files}: {error}")
        page["answers"].append(answer)
    text = json.dumps(page, separators=(",", ":"))
    write_packed(compress(text.encode()), folder / f"{recording.slug}.js")
    return page


def _answer(source, in_full, page, folder):
    """What a run saved of its answer, whichever task it is of."""
    answer = {}
    if (source / "notes.npz").exists():
        with np.load(source / "notes.npz") as notes:
            answer["notes"] = {
                kind: _rounded(table)
                for kind, table in compare(
                    notes["estimate"], notes.get("reference")
                ).items()
            }
    if (source / "estimate.lab").exists():
        names = ["start", "end", "label"]
        table = pd.read_csv(source / "estimate.lab", sep="\t", header=None, names=names)
        answer["sections"] = _sections(table)
    stems = sorted(source.glob("*.ogg")) if in_full else []
    if stems:
        answer["stems"] = {}
        for file in stems:
            y, sr = read_audio(file)
            start = max(0, (y.shape[1] - EXCERPT * sr) // 2)
            excerpt = y[:, start : start + EXCERPT * sr]
            answer["stems"][file.stem] = write_audio(excerpt, sr, folder)
    if in_full and (source / "factors.npz").exists():
        data = pack_factors(source / "factors.npz", page["excerpt"])
        answer["factors"] = write_once(data, folder, compress)
    return answer


def pack_factors(file: Path, start: float) -> bytes:
    """The middle of templates and activations for the page's own Wiener filter.

    Parameters
    ----------
    file : Path
        From `musaic_core.pictures.save_factors`, of a recording or its middle.
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
    H = H[:, middle : middle + n] * W.max(0)[:, None]
    W = W / np.maximum(W.max(0), 1e-12)
    H = _levels(H)
    kept = np.flatnonzero(H.any(1))
    kept = kept[np.argsort(labels[kept], kind="stable")]
    W, H = _levels(W.T)[kept], H[kept]
    if "layer_2" in layers:  # the columns are these templates
        layers["layer_2"] = layers["layer_2"][:, kept]
    header = {
        "shape": [*W.shape, H.shape[1]],
        "floor": FLOOR,
        "step": STEP,
        "frame": frame,
        "first": round(start / frame),
        "frequencies": np.round(frequencies, 1).tolist(),
        "names": _names(labels[kept].tolist()),
        "layers": {
            name: np.round(matrix / (matrix.sum(0) + 1e-12), 3).tolist()
            for name, matrix in layers.items()
        },
    }
    return json.dumps(header).encode() + b"\n" + W.tobytes() + H.tobytes()


def _levels(array):
    """Steps above the floor."""
    relative = array / (array.max(initial=0) or 1.0)
    decibels = FLOOR + 20 * np.log10(np.maximum(relative, 1e-12))
    return np.maximum(np.round(decibels / STEP), 0).astype(np.uint8)


def _names(labels):
    """Names of labels; what several components share is numbered."""
    names = [
        label
        if isinstance(label, str)
        else librosa.midi_to_note(label)
        if label
        else "–"
        for label in labels
    ]
    return [
        f"{name} {names[: i + 1].count(name)}" if names.count(name) > 1 else name
        for i, name in enumerate(names)
    ]


def _peaks(y):
    """The waveform's envelope, in per cent of its maximum."""
    edges = np.linspace(0, y.shape[1], PEAKS + 1).astype(int)[:-1]
    level = np.maximum.reduceat(np.abs(y).max(0), edges)
    return np.round(100 * level / level.max()).astype(int).tolist()


def _rounded(table):
    """Notes as onset (s), offset (s), pitch."""
    return [[round(a, 2), round(b, 2), int(pitch)] for a, b, pitch in table.tolist()]


def _sections(table):
    if table is None:
        return None
    rows = table[["start", "end", "label"]].itertuples(index=False)
    return [[round(a, 2), round(b, 2), str(label)] for a, b, label in rows]
