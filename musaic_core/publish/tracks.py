"""What a track's page plays and draws: recording, notes, stems, sections, factors."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from musaic_core.data.audio import read_audio
from musaic_core.data.errors import InputError
from musaic_core.publish.allowed import Allowed, RefusedError
from musaic_core.publish.audio import peaks, write_audio
from musaic_core.publish.factors import pack_factors
from musaic_core.publish.pack import compress, write_once, write_packed
from musaic_core.publish.results import Benchmark

EXCERPT = 5  # s, amid the recording, of stems and components
SHOWN = {"notes", "sections", "stems", "factors", "text"}  # of an answer


@dataclass
class AnsweredRecording:
    """A recording with every answer that was given for it.

    Parameters
    ----------
    slug : str
        Name of its page.
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

    @property
    def tasks(self) -> str:
        """Titles of the tasks that there are answers for."""
        return ", ".join(dict.fromkeys(benchmark.title for benchmark, _ in self.rows))


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


def find_recordings(benchmarks: Iterable[Benchmark]) -> list[AnsweredRecording]:
    """Join the rows of all tasks by the audio that they are about.

    Parameters
    ----------
    benchmarks : iterable of Benchmark
        With the column ``label``.

    Returns
    -------
    list of AnsweredRecording
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
                if key not in found:
                    found[key] = AnsweredRecording(
                        "", row.objective_track, audio, duration
                    )
                found[key].rows.append((benchmark, row))
                found[key].in_full |= row.objective_track == first
    taken = set()
    for recording in found.values():
        base = recording.rows[0][1].dataset_name.split("[")[0]
        name = slug(base, recording.id)[:80]
        recording.slug = name
        while recording.slug in taken:
            recording.slug = f"{name}-{len(taken)}"
        taken.add(recording.slug)
    return list(found.values())


def write_media(
    recording: AnsweredRecording, folder: Path, allowed: Allowed
) -> dict | None:
    """Write what the page of a recording loads.

    Parameters
    ----------
    recording : AnsweredRecording
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
        data = pack_factors(source / media["factors"], page["excerpt"], EXCERPT)
        answer["factors"] = write_once(data, folder, compress)
    return answer


def _rounded(table):
    """Notes as onset (s), offset (s), pitch."""
    rows = np.asarray(table, float).reshape(-1, 3).tolist()
    return [[round(a, 2), round(b, 2), int(pitch)] for a, b, pitch in rows]


def _sections(rows):
    """Sections as start (s), end (s), label."""
    return [
        [round(float(a), 2), round(float(b), 2), str(label)] for a, b, label in rows
    ]
