"""The latest results of each benchmark, and what is wrong with them."""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import benchopt.benchmark
import numpy as np
import pandas as pd

from musaic_core.data.paths import split_paths
from musaic_core.results.rows import APART, guidance

NEEDED = {
    *("solver_name", "solver_description", "dataset_name", "objective_name"),
    *("obj_description", "time"),
    *("objective_track", "objective_value", "objective_kind", "objective_n_parameters"),
}
TEXTS = (
    *("objective_error", "objective_files", "objective_audio", "objective_kind"),
    "objective_losses",
)
NUMBERS = ("time_fit", "time_predict", "duration", "peak_memory_mb", "n_parameters")
_GUIDANCE = ["p_obj_hints", "p_obj_wrong_hints"]
_RUN = ["solver_name", "dataset_name", "objective_name", "idx_rep", *_GUIDANCE]


@dataclass
class Benchmark:
    """One benchmark's results.

    Parameters
    ----------
    folder : Path
        ``benchmarks/<name>``.
    files : list of Path
        The results files.
    rows : DataFrame
        A row a recording, solver and repetition, with the columns ``corpus`` and
        ``file``, which of the files it is of.
    guided : DataFrame
        The same of runs in which a user gave hints, which have scores of their own.
    objective : subclass of musaic_core.benchmark.objective.Objective
        The task's own: it says what pages need to know of the task.
    problems : list of str
        What a reader has to know of missing or broken results.
    """

    folder: Path
    files: list[Path]
    rows: pd.DataFrame
    guided: pd.DataFrame
    objective: type
    problems: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.name

    @property
    def title(self) -> str:
        """What pages call the task."""
        return self.objective.title

    @property
    def lower_is_better(self) -> bool:
        """Whether the score is a loss."""
        return self.objective.lower_is_better

    @property
    def per_minute(self) -> bool:
        """Whether the data is music of known length, so that times are a minute's."""
        return bool(self.rows["objective_duration"].notna().any())

    @property
    def outputs(self) -> Path:
        """The folder that holds what runs saved."""
        return self.folder / "outputs"

    @property
    def repository(self) -> Path:
        """The folder that holds the benchmarks' folder, links followed."""
        return self.folder.resolve().parent.parent

    @cached_property
    def on_recordings(self) -> set[str]:
        """The corpora that do not come with the repository."""
        audio = self.rows["objective_audio"].map(split_paths)
        outside = audio.map(lambda files: any(Path(f).is_absolute() for f in files[:1]))
        return set(self.rows["corpus"][outside])

    @cached_property
    def provenance(self) -> list[dict[str, str]]:
        """Where the numbers of each file come from."""
        return [
            self._provenance(file, rows)
            for file, (_, rows) in zip(
                self.files,
                pd.concat([self.rows, self.guided]).groupby("file"),
                strict=True,
            )
        ]

    def _provenance(self, file, rows):
        first = rows.iloc[0].dropna()
        first = first[first.map(str) != ""]

        def value(column):
            return str(first.get(column, "unknown"))

        versions = first[first.index.str.startswith("version-")]
        hints = ", with hints" if (rows["p_obj_hints"] > 0).any() else ""
        return {
            "results": file.name,
            "corpora": ", ".join(rows["corpus"].unique()) + hints,
            "date": value("run_date")[:16].replace("T", " "),
            "commit": first.get("benchmark-git-tag")
            or last_commit(self.folder, value("run_date")),
            "seed": value("base_seed"),
            "repetitions": str(rows["idx_rep"].nunique()),
            "machine": f"{value('system-processor')}, {value('system-cpus')} cores, "
            f"{value('system-ram (GB)')} GB, {value('platform')}",
            "versions": ", ".join(
                f"{name.removeprefix('version-')} {version}"
                for name, version in versions.items()
            ),
        }


def last_commit(folder: Path, date: str) -> str:
    """Find the last commit before a date.

    Parameters
    ----------
    folder : Path
        In the repository.
    date : str
        As git reads it, such as "2026-01-02T03:04".

    Returns
    -------
    str
        The commit's first ten digits, or "unknown" outside a repository.
    """
    command = ["git", "-C", str(folder), "rev-list", "-1", f"--before={date}", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8")
    except OSError:
        return "unknown"
    return done.stdout.strip()[:10] or "unknown"


def read_latest(
    folder: Path, chosen: Sequence[Path] = ()
) -> tuple[Benchmark | None, list[str]]:
    """Read the newest results file of a benchmark that can be read.

    Parameters
    ----------
    folder : Path
        ``benchmarks/<name>``.
    chosen : sequence of Path, optional
        The results files, if not the newest. Of a run that several have, that of the
        first counts.

    Returns
    -------
    benchmark : Benchmark or None
        None where there is none to show.
    problems : list of str
        Each file that can't be used, and why.
    """
    newest = sorted(
        (folder / "outputs").glob("*.parquet"),
        key=lambda file: file.stat().st_mtime,
        reverse=True,
    )
    problems, tables = [], {}
    for file in chosen or newest:
        try:
            tables[file] = _read(file)
        except Exception as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            problems.append(f"{file}: can't be used ({reason}); delete it or run again")
        if tables and not chosen:
            break
    if not tables:
        problems.append(f"{folder}: no results; run benchopt run {folder}")
        return None, problems
    try:
        plugins = benchopt.benchmark.Benchmark(folder)
        objective = plugins.get_benchmark_objective()
        if hasattr(objective, "_exc"):  # benchopt's stand-in for what did not load
            raise objective._exc
        lower_is_better, _ = objective.lower_is_better, objective.title
    except Exception as error:
        problems.append(
            f"{folder}: its objective.py can't be loaded, so its results are left "
            f"out ({type(error).__name__}: {error})"
        )
        return None, problems
    rows = pd.concat(
        [rows.assign(file=place) for place, rows in enumerate(tables.values())],
        ignore_index=True,
    )
    rows = rows[rows["file"] == rows.groupby(_RUN)["file"].transform("min")]
    files = [file for place, file in enumerate(tables) if (rows["file"] == place).any()]
    rows = _scored(rows.reset_index(drop=True), lower_is_better)
    is_guided = rows["p_obj_hints"] > 0
    guided, rows = (
        rows[chosen].reset_index(drop=True) for chosen in (is_guided, ~is_guided)
    )
    if rows.empty:
        problems.append(
            f"{folder}: no results without hints; run benchopt run {folder}"
        )
        return None, problems
    return Benchmark(folder, files, rows, guided, objective, incomplete(rows)), problems


def _read(file):
    """The table of a results file.

    benchopt's own reader unpickles what looks like it, and so would run what a file
    from elsewhere tells it to; the columns that are read here hold no such objects.
    """
    rows = pd.read_parquet(file)
    lacks = sorted(NEEDED - set(rows))
    if lacks or rows.empty:
        raise ValueError(f"lacks {', '.join(lacks) or 'any row'}")
    held = rows.map(lambda value: isinstance(value, bytes))
    rows = rows.loc[:, ~held.any()]
    if lost := sorted(NEEDED - set(rows)):
        raise ValueError(f"has packed objects in {', '.join(lost)}")
    rows = rows.reset_index(drop=True)
    for column in TEXTS:
        values = rows.get(column, pd.Series("", rows.index))
        rows[column] = values.fillna("").astype(str)
    for column in ("objective_value", *(f"objective_{name}" for name in NUMBERS)):
        values = rows.get(column, pd.Series(np.nan, rows.index))
        rows[column] = pd.to_numeric(values, errors="coerce")
    values = rows.get("idx_rep", pd.Series(0, rows.index))
    rows["idx_rep"] = pd.to_numeric(values, errors="coerce").fillna(0)
    rows["p_obj_hints"], rows["p_obj_wrong_hints"] = guidance(rows)
    rows["objective_name"] = rows["objective_name"].map(_unguided)
    return rows


def _unguided(name):
    """The name of an objective without what users do: it is the same problem."""
    base, _, parameters = name.partition("[")
    parameters = re.split(r",(?=\w+=)", parameters.rstrip("]"))
    kept = [p for p in parameters if p and not re.match("(wrong_)?hints=", p)]
    return f"{base}[{','.join(kept)}]" if kept else base


def _scored(rows, lower_is_better):
    """One row a run and recording, with the column ``corpus``."""
    several = rows["objective_name"].nunique() > 1  # then a corpus is several problems
    rows["corpus"] = [
        readable(dataset) + (f" · {readable(objective, False)}" if several else "")
        for dataset, objective in zip(
            rows["dataset_name"], rows["objective_name"], strict=True
        )
    ]
    runs = rows.groupby([*_RUN, "objective_track"])
    if (runs.size() > 1).any():  # of a curve, its best point; none if it broke off
        rows["objective_error"] = runs["objective_error"].transform("max")
        # a curve is over benchopt's time, which all solvers of its benchmark then have
        rows[["objective_time_fit", "objective_time_predict"]] = np.nan
        rows.loc[rows["objective_error"] != "", "objective_value"] = np.nan
        order = rows["objective_value"] * (1 if lower_is_better else -1)
        rows = rows.loc[order.sort_values(kind="stable").index]
        rows = rows.groupby([*_RUN, "objective_track"], sort=False).head(1).sort_index()
    return rows


def readable(name: str, with_base: bool = True) -> str:
    """Shorten "mini[part=piano,timbre=seen]" to "mini piano seen".

    Parameters
    ----------
    name : str
        Of a data set, solver or objective, with its parameters.
    with_base : bool
        Whether to keep what stands before the parameters.

    Returns
    -------
    str
        The values of the parameters, with the names of those that are numbers; of those
        that are true or false, the names of the true ones.
    """
    base, _, parameters = name.partition("[")
    words = [base] if with_base else []
    for parameter in re.split(r",(?=\w+=)", parameters.rstrip("]")):
        key, _, value = parameter.partition("=")
        if value == "True":
            words.append(key)
        elif value not in ("", "None", "False"):
            number = re.fullmatch(r"[-\d.e]+", value)
            words.append(f"{key.replace('beta', 'β')}={value}" if number else value)
    return " ".join(words)


def incomplete(rows: pd.DataFrame) -> list[str]:
    """Say which runs lack recordings that others of their corpus have, and why.

    Parameters
    ----------
    rows : DataFrame
        As those of a `Benchmark`.

    Returns
    -------
    list of str
        A line a solver and corpus that lacks rows, and a line an error.
    """
    problems = []
    for corpus, group in rows.groupby("corpus"):
        tracks = set(group["objective_track"])
        for solver, run in group.groupby("solver_name"):
            lacks = tracks - set(run["objective_track"])
            if lacks:
                problems.append(
                    f"{solver} on {corpus}: {len(lacks)} of {len(tracks)} recordings "
                    f"have no row: {', '.join(sorted(lacks)[:3])}"
                )
    failed = rows[rows["objective_error"] != ""]
    for error, group in failed.groupby("objective_error", sort=False):
        solvers = ", ".join(group["solver_name"].unique())
        problems.append(f"{error} ({solvers} on {', '.join(group['corpus'].unique())})")
    return problems


def describe(run: pd.DataFrame) -> dict[str, str]:
    """Say what the pages filter solvers by.

    Parameters
    ----------
    run : DataFrame
        The rows of one solver with one choice of parameters.

    Returns
    -------
    dict of str to str
        ``kind``, as the solver says; ``beta``, "" where it has none; and ``training``,
        "yes" where it learns from other recordings, "no", or "" where it is no
        competitor.
    """
    first = run.iloc[0]

    def parameter(name):
        value = first.get(f"p_solver_{name}")
        return None if np.ndim(value) == 0 and pd.isna(value) else value

    kind = run["objective_kind"].max()
    beta = parameter("beta")
    learns = kind in ("learned", "hybrid") or parameter("dictionary") not in (
        *(None, "blind"),
    )
    return {
        "kind": kind,
        "beta": "" if beta is None else f"{float(beta):g}",
        "training": "" if kind in APART else "yes" if learns else "no",
    }
