"""Pages of the site."""

import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup, escape

from musaic_core.data.track import InputError
from musaic_core.publish import tables
from musaic_core.publish.pack import write_plotly, write_report
from musaic_core.publish.results import LOWER_IS_BETTER
from musaic_core.publish.tracks import EXCERPT, find_recordings, slug, write_media

HERE = Path(__file__).parent


class Site:
    """Writes pages into a folder.

    Parameters
    ----------
    folder : Path
        The site's root.
    common : dict
        What every page shows.
    """

    def __init__(self, folder: Path, **common):
        self.folder = folder
        self.environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.filters |= {
            "number": tables.number,
            "slug": slug,
            "prose": prose,
        }
        self.environment.globals |= common

    def write(self, template: str, path: str, **content) -> None:
        """Write a page, with links that start at the site's root."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        root = "../" * path.count("/")
        page = self.environment.get_template(template)
        file.write_text(page.render(root=root, path=path, **content))


def prose(text: str) -> Markup:
    """Escape a docstring; keep its paragraphs and what it sets as code."""
    paragraphs = re.split(r"\n\s*\n", str(escape(text.strip())))
    code = [re.sub(r"`{1,2}([^`]+)`{1,2}", r"<code>\1</code>", p) for p in paragraphs]
    return Markup("".join(f"<p>{paragraph}</p>" for paragraph in code))


def write_site(benchmarks, problems, folder, command):
    """Write the whole site.

    Parameters
    ----------
    benchmarks : list of Benchmark
    problems : list of str
        Of files that could not be used.
    folder : Path
        New, empty, or of a site that this one replaces.
    command : str
        What made it, for the reader.

    Raises
    ------
    InputError
        The folder holds something else.
    """
    if folder.exists() and any(folder.iterdir()):
        if not (folder / "scores.csv").exists():
            raise InputError(f"{folder} holds something else; choose a new folder")
        shutil.rmtree(folder)
    tables.label_all(benchmarks)
    scores = tables.scores(benchmarks)
    recordings = find_recordings(benchmarks)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(HERE / "static", folder / "static")
    write_plotly(folder / "data" / "plotly.js")
    scores.drop(columns="others").to_csv(folder / "scores.csv", index=False)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # encoding lets go of the GIL
        media = [pool.submit(write_media, r, folder / "data") for r in recordings]
        pages = {r.slug: m.result() for r, m in zip(recordings, media, strict=True)}

    solvers = {}
    for benchmark in benchmarks:
        for name, run in benchmark.rows.groupby(
            benchmark.rows["solver_name"].str.split("[").str[0]
        ):
            solvers.setdefault(name, []).append((benchmark, run))
    columns = scores[["task", "corpus", "n"]].drop_duplicates(["task", "corpus"])
    site = Site(
        folder,
        benchmarks=benchmarks,
        problems=problems + [p for b in benchmarks for p in b.problems],
        solver_names=sorted(solvers),
        recordings=recordings,
        columns=columns.to_dict("records"),
        titles={b.name: b.title for b in benchmarks},
        command=command,
    )
    site.write(
        "index.html.j2",
        "index.html",
        scores=_records(scores),
        points=_points(scores),
        sentences={b.name: tables.sentences(scores, b) for b in benchmarks},
    )
    for name, runs in solvers.items():
        mine = scores[scores["solver"] == name]
        source = _source(name, runs, folder / "solvers")
        site.write(
            "solver.html.j2",
            f"solvers/{slug(name)}.html",
            name=name,
            description=runs[0][1]["solver_description"].iloc[0],
            scores=_records(mine),
            by_track=_by_track(runs, recordings),
            source=source,
        )
    for benchmark in benchmarks:
        results = f"{benchmark.name}.parquet"
        (folder / "reports").mkdir(exist_ok=True)
        shutil.copy(benchmark.file, folder / "reports" / results)
        report = benchmark.file.with_name(
            f"{benchmark.name}_{benchmark.file.stem}.html"
        )
        if report.exists():
            write_report(report, folder / "reports" / f"{benchmark.name}.html", results)
        site.write(
            "benchmark.html.j2",
            f"benchmarks/{benchmark.name}.html",
            benchmark=benchmark,
            description=benchmark.rows["obj_description"].iloc[0],
            scores=_records(scores[scores["task"] == benchmark.name]),
            sentences=tables.sentences(scores, benchmark),
            has_report=report.exists(),
        )
    for recording in recordings:
        site.write(
            "track.html.j2",
            f"tracks/{recording.slug}.html",
            recording=recording,
            page=pages[recording.slug],
            excerpt=EXCERPT,
        )


def _source(name, runs, folder):
    """Copy a solver's file beside its page, as text that every host shows."""
    benchmark, run = runs[0]
    file = benchmark.folder / str(run.get("file_solver", pd.Series([""])).iloc[0])
    if not file.is_file():
        return None
    copy = folder / f"{slug(name)}.py.txt"
    copy.parent.mkdir(exist_ok=True)
    copy.write_text(file.read_text())
    return copy.name


def _by_track(runs, recordings):
    """Scores by recording (rows) and variant (columns), for each task and corpus."""
    page = {
        (benchmark.name, row.dataset_name, row.objective_track): recording.slug
        for recording in recordings
        for benchmark, row in recording.rows
    }
    return [
        {
            "task": benchmark.title,
            "corpus": corpus,
            "scores": df.pivot_table(
                "objective_value", "objective_track", "label", sort=False, dropna=False
            ),
            "pages": {
                track: page.get((benchmark.name, df["dataset_name"].iloc[0], track))
                for track in df["objective_track"].unique()
            },
        }
        for benchmark, run in runs
        for corpus, df in run.groupby("corpus", sort=False)
    ]


def _points(scores):
    """The points of the quality and cost charts, with what lies on a front."""
    points = scores.drop(columns="others")
    for cost in tables.COSTS:
        points[f"front_{cost}"] = False
        for (task, _), group in points.groupby(["task", "corpus"]):
            better = -1 if task in LOWER_IS_BETTER else 1
            models = group["kind"] != "baseline or oracle"
            quality = (better * group["score"]).where(models)
            on_front = tables.front(group[cost], quality)
            points.loc[group.index, f"front_{cost}"] = on_front
    return _records(points)


def _records(table):
    """Rows as dicts, None where a value is missing."""
    return table.astype(object).where(table.notna(), None).to_dict("records")
