"""The latest results of each benchmark, who made them, and what is wrong with them."""

import re
import subprocess
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import benchopt.benchmark
import numpy as np
import pandas as pd
from benchopt.results import read_results

from musaic_core.benchmark.algorithm import Algorithm
from musaic_core.benchmark.plugins import FactorizationSolver

TASKS = {
    "amt": "Transcription",
    "mss": "Separation",
    "msa": "Structure",
    "factorization": "Factorization",
}
LOWER_IS_BETTER = {"factorization"}
NEEDED = {
    *("solver_name", "solver_description", "dataset_name", "objective_name"),
    *("obj_description", "time", "run_date"),
    *("objective_track", "objective_value", "objective_n_parameters"),
}
_RUN = ["solver_name", "dataset_name", "objective_name"]


@dataclass
class Benchmark:
    """One benchmark's results.

    Parameters
    ----------
    folder : Path
        ``benchmarks/<name>``.
    file : Path
        The results file.
    rows : DataFrame
        A row a recording and solver, with the column ``corpus``.
    problems : list of str
        What a reader has to know of missing or broken results.
    """

    folder: Path
    file: Path
    rows: pd.DataFrame
    problems: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.name

    @property
    def title(self) -> str:
        """Name of the task."""
        return TASKS.get(self.name, self.name)

    @property
    def lower_is_better(self) -> bool:
        """Whether the score is a loss."""
        return self.name in LOWER_IS_BETTER

    @cached_property
    def plugins(self):
        """The benchmark as benchopt loads it: solvers and corpora."""
        return benchopt.benchmark.Benchmark(self.folder)

    @cached_property
    def solvers(self) -> dict:
        """Classes of the solvers by name."""
        return {solver.name: solver for solver in self.plugins.get_solvers()}

    @cached_property
    def provenance(self) -> dict[str, str]:
        """Where the numbers come from."""
        first = self.rows.iloc[0].dropna()
        first = first[first.map(str) != ""]

        def value(column):
            return str(first.get(column, "unknown"))

        versions = first[first.index.str.startswith("version-")]
        return {
            "results": self.file.name,
            "date": value("run_date")[:16].replace("T", " "),
            "commit": first.get("benchmark-git-tag")
            or last_commit(self.folder, value("run_date")),
            "seed": value("base_seed"),
            "machine": f"{value('system-processor')}, {value('system-cpus')} cores, "
            f"{value('system-ram (GB)')} GB, {value('platform')}",
            "versions": ", ".join(
                f"{name.removeprefix('version-')} {version}"
                for name, version in versions.items()
            ),
        }


def last_commit(folder: Path, date: str) -> str:
    """The last commit before a date, or "unknown" outside a repository."""
    command = ["git", "-C", str(folder), "rev-list", "-1", f"--before={date}", "HEAD"]
    try:
        commit = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except OSError:
        commit = ""
    return commit[:10] or "unknown"


def read_latest(folder: Path, chosen: Path | None = None):
    """Read the newest results file of a benchmark that can be read.

    Parameters
    ----------
    folder : Path
        ``benchmarks/<name>``.
    chosen : Path or None
        The results file, if not the newest.

    Returns
    -------
    benchmark : Benchmark or None
    problems : list of str
        Each file that can't be used, and why.
    """
    newest = sorted(
        (folder / "outputs").glob("*.parquet"),
        key=lambda file: file.stat().st_mtime,
        reverse=True,
    )
    problems = []
    for file in [chosen] if chosen else newest:
        try:
            rows = read_results(file)
            lacks = sorted(NEEDED - set(rows))
            if lacks or rows.empty:
                raise ValueError(f"lacks {', '.join(lacks) or 'any row'}")
        except Exception as error:
            reason = str(error).splitlines()[0]
            problems.append(f"{file}: can't be used ({reason}); delete it or run again")
            continue
        benchmark = Benchmark(folder, file, _scored(rows, folder.name))
        benchmark.problems = incomplete(benchmark.rows)
        return benchmark, problems
    problems.append(f"{folder}: no results; run benchopt run {folder}")
    return None, problems


def _scored(rows, task):
    """One row a run and recording, with optional columns filled in."""
    rows = rows.reset_index(drop=True)
    for column in ("error", "files"):
        values = rows.get(f"objective_{column}", pd.Series("", rows.index))
        rows[f"objective_{column}"] = values.fillna("")
    several = rows["objective_name"].nunique() > 1  # then a corpus is several problems
    rows["corpus"] = [
        readable(dataset) + (f" · {readable(objective, False)}" if several else "")
        for dataset, objective in zip(
            rows["dataset_name"], rows["objective_name"], strict=True
        )
    ]
    if task in LOWER_IS_BETTER:  # of a curve, its lowest point; none if it broke off
        runs = rows.groupby([*_RUN, "objective_track"])
        rows["objective_error"] = runs["objective_error"].transform("max")
        rows.loc[rows["objective_error"] != "", "objective_value"] = np.nan
        rows = rows.sort_values("objective_value", kind="stable")
        rows = rows.groupby([*_RUN, "objective_track"], sort=False).head(1).sort_index()
    return rows


def readable(name: str, with_base=True) -> str:
    """Shorten "mini[part=piano,timbre=seen]" to "mini piano seen"."""
    base, _, parameters = name.partition("[")
    words = [base] if with_base else []
    for parameter in re.split(r",(?=\w+=)", parameters.rstrip("]")):
        key, _, value = parameter.partition("=")
        if value and value != "None":
            number = re.fullmatch(r"[-\d.e]+", value)
            words.append(f"{key.replace('beta', 'β')}={value}" if number else value)
    return " ".join(words)


def incomplete(rows: pd.DataFrame) -> list[str]:
    """Say which runs lack recordings that others of their corpus have, and why."""
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


def describe(benchmark: Benchmark, run: pd.DataFrame) -> dict:
    """What the index filters by.

    A model whose class is a factorization is one; another that saved factors is a
    hybrid; one with parameters is learned; the rest are baselines and oracles.
    """
    first = run.iloc[0]
    solver = benchmark.solvers.get(first["solver_name"].split("[")[0], object)
    saved = [benchmark.file.parent / files for files in run["objective_files"] if files]
    if issubclass(solver, (FactorizationSolver, Algorithm)):
        kind = "factorization"
    elif any((folder / "factors.npz").exists() for folder in saved):
        kind = "hybrid"
    elif run["objective_n_parameters"].max() > 0:
        kind = "learned"
    else:
        kind = "baseline or oracle"

    def parameter(name):
        value = first.get(f"p_solver_{name}")
        return None if np.ndim(value) == 0 and pd.isna(value) else value

    # ranks of the layers below the first, or below a core
    below = [parameter(name) for name in ("coarse", "patterns")]
    depth = 1 + max(0 if ranks is None else np.size(ranks) for ranks in below)
    beta = parameter("beta")
    learns = kind in ("learned", "hybrid") or parameter("n_epochs") is not None
    return {
        "kind": kind,
        "beta": "" if beta is None else f"{float(beta):g}",
        "depth": str(depth) if kind == "factorization" else "",
        "training": "yes"
        if learns or parameter("dictionary") in ("fixed", "adapted")
        else "no",
    }
