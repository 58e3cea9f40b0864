"""Pages of the site."""

import os
import re
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup, escape

from musaic_core.publish import tables
from musaic_core.publish.allowed import Allowed
from musaic_core.publish.curves import learning_curves
from musaic_core.publish.folder import replaced_folder
from musaic_core.publish.guided import gains_of
from musaic_core.publish.pack import write_plotly, write_text
from musaic_core.publish.report import write_report
from musaic_core.publish.results import Benchmark
from musaic_core.publish.tracks import EXCERPT, find_recordings, slug, write_media
from musaic_core.results.statistics import front

HERE = Path(__file__).parent


class Site:
    """Writes pages into a folder.

    Parameters
    ----------
    folder : Path
        The site's root.
    **common : object
        What every page shows.
    """

    def __init__(self, folder: Path, **common: object) -> None:
        self.folder = folder
        self.environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates", encoding="utf-8"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.filters |= {
            "number": tables.number,
            "cost": tables.cost,
            "slug": slug,
            "prose": prose,
        }
        self.environment.globals |= common

    def write(self, template: str, path: str, **content: object) -> None:
        """Write a page, with links that start at the site's root.

        Parameters
        ----------
        template : str
            Name of a file in ``templates``.
        path : str
            Of the page, from the root.
        **content : object
            What this page shows.
        """
        root = "../" * path.count("/")
        page = self.environment.get_template(template)
        write_text(page.render(root=root, path=path, **content), self.folder / path)


def prose(text: str) -> Markup:
    """Make HTML of a docstring: its paragraphs, and what it sets as code.

    Parameters
    ----------
    text : str
        As Python gives it.

    Returns
    -------
    Markup
        Whatever HTML is in the text is escaped.
    """
    paragraphs = re.split(r"\n\s*\n", str(escape(text.strip())))
    code = [re.sub(r"`{1,2}([^`]+)`{1,2}", r"<code>\1</code>", p) for p in paragraphs]
    return Markup("".join(f"<p>{paragraph}</p>" for paragraph in code))


def write_site(
    benchmarks: Sequence[Benchmark],
    problems: Sequence[str],
    folder: Path,
    allowed: Allowed | None = None,
) -> list[str]:
    """Write the whole site.

    Parameters
    ----------
    benchmarks : sequence of Benchmark
        In the order in which pages show them.
    problems : sequence of str
        Of files that could not be used.
    folder : Path
        New, empty, or of a site that this one replaces.
    allowed : Allowed, optional
        Says which of the files that results name may be read; by default those in the
        repository.

    Returns
    -------
    list of str
        All the problems; pages leave out that recordings may not be read.

    Raises
    ------
    InputError
        The folder holds something that is not of a published site.
    """
    allowed = allowed or Allowed()
    tables.label_all(benchmarks)
    scores = tables.scores(benchmarks)
    recordings = find_recordings(benchmarks)
    with replaced_folder(folder) as new:
        shutil.copytree(HERE / "static", new / "static")
        write_plotly(new / "data" / "plotly.js")
        table = scores.drop(columns="others").to_csv(index=False, lineterminator="\n")
        write_text(table, new / "scores.csv")
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # encoding lets go of the GIL
            media = [
                pool.submit(write_media, recording, new / "data", allowed)
                for recording in recordings
            ]
            pages = {r.slug: m.result() for r, m in zip(recordings, media, strict=True)}
        recordings = [r for r in recordings if pages[r.slug] is not None]
        sources = _write_sources(benchmarks, new / "solvers", allowed)
        curves = {s: learning_curves(_runs_of(s, benchmarks)) for s in sources}
        problems = [*problems, *(p for b in benchmarks for p in b.problems)]
        shown = [*problems, *allowed.faults]
        found = recordings, pages, sources, curves
        _write_pages(new, benchmarks, scores, shown, *found)
    return [*problems, *allowed.problems]


def _write_pages(
    folder, benchmarks, scores, problems, recordings, pages, sources, curves
):
    columns = scores.groupby(["task", "corpus"], sort=False)["of"].max().reset_index()
    repetitions = {b.name: b.rows["idx_rep"].nunique() for b in benchmarks}
    columns["repetitions"] = columns["task"].map(repetitions)
    columns = columns.to_dict("records")
    embedded, recorded = tables.apart(scores, benchmarks)
    site = Site(
        folder,
        benchmarks=benchmarks,
        problems=problems,
        solver_names=sorted(sources),
        recordings=recordings,
        columns=columns,
        has_recorded=len(recorded) > 0,
        titles={b.name: b.title for b in benchmarks},
        losses=[b.name for b in benchmarks if b.lower_is_better],
        units={b.name: tables.units(b) for b in benchmarks},
    )
    points = _points(scores, benchmarks)
    for template, table in (("index", embedded), ("recordings", recorded)):
        if len(table):
            keys = set(zip(table["task"], table["corpus"], strict=True))
            site.write(
                f"{template}.html.j2",
                f"{template}.html",
                scores=_records(table),
                shown=[c for c in columns if (c["task"], c["corpus"]) in keys],
                points=points,
                told=tables.trade_offs(scores, benchmarks),
                sentences={b.name: tables.sentences(table, b) for b in benchmarks},
            )
    for name, source in sources.items():
        runs = list(_runs_of(name, benchmarks))
        site.write(
            "solver.html.j2",
            f"solvers/{slug(name)}.html",
            name=name,
            description=str(runs[0][1]["solver_description"].iloc[0]),
            scores=_records(scores[scores["solver"] == name]),
            by_track=_by_track(runs, recordings),
            curves=curves[name],
            source=source,
        )
    for benchmark in benchmarks:
        (folder / "reports").mkdir(exist_ok=True)
        reports = [
            _write_report(
                file, f"{benchmark.name}{-n - 1 if n else ''}", folder / "reports"
            )
            for n, file in enumerate(benchmark.files)
        ]
        site.write(
            "benchmark.html.j2",
            f"benchmarks/{benchmark.name}.html",
            benchmark=benchmark,
            description=str(benchmark.rows["obj_description"].iloc[0]),
            scores=_records(scores[scores["task"] == benchmark.name]),
            sentences=tables.sentences(scores, benchmark),
            reports=reports,
        )
    for recording in recordings:
        site.write(
            "track.html.j2",
            f"tracks/{recording.slug}.html",
            recording=recording,
            page=pages[recording.slug],
            gains=gains_of(recording),
            excerpt=EXCERPT,
        )


def _write_report(file, name, folder):
    """Copy a results file, and benchopt's report of it where it is there.

    Returns
    -------
    dict
        Its ``name`` here, its ``file`` there, and whether it ``has_report``.
    """
    shutil.copyfile(file, folder / f"{name}.parquet")
    report = file.with_name(f"{file.resolve().parents[1].name}_{file.stem}.html")
    if report.exists():
        write_report(report, folder / f"{name}.html", f"{name}.parquet")
    return {"name": name, "file": file.stem, "has_report": report.exists()}


def _runs_of(solver, benchmarks):
    """The benchmarks that a solver took part in, and its rows of each."""
    for benchmark in benchmarks:
        run = benchmark.rows[
            benchmark.rows["solver_name"].str.split("[").str[0] == solver
        ]
        if len(run):
            yield benchmark, run


def _write_sources(benchmarks, folder, allowed):
    """Copy each solver's file beside its page, as text that every host shows.

    Returns
    -------
    dict of str to (str or None)
        Names of the copies, by solver; None where the file is not there.
    """
    copies = {}
    names = (b.rows["solver_name"].str.split("[").str[0].unique() for b in benchmarks)
    for name in dict.fromkeys(name for found in names for name in found):
        benchmark, run = next(_runs_of(name, benchmarks))
        named = run.get("file_solver", pd.Series([""])).iloc[0]
        copies[name] = None
        try:
            file = allowed.source(benchmark, named) if isinstance(named, str) else None
        except (PermissionError, ValueError) as error:
            benchmark.problems.append(f"{name}: {error}")
            continue
        if file is not None and file.is_file():
            copies[name] = f"{slug(name)}.py.txt"
            text = file.read_text(encoding="utf-8", errors="replace")
            write_text(text, folder / copies[name])
    return copies


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


def _points(scores, benchmarks):
    """The points of the quality and cost charts, with what lies on a front."""
    losses = {b.name for b in benchmarks if b.lower_is_better}
    points = scores.drop(columns="others")
    for cost in tables.COSTS:
        points[f"front_{cost}"] = False
        for (task, _), group in points.groupby(["task", "corpus"]):
            better = -1 if task in losses else 1
            competes = ~group["apart"] & (group["n"] == group["of"])
            quality = (better * group["score"]).where(competes)
            drawn = group[cost].where(group[cost] > 0)  # of what costs nothing, none
            on_front = front(drawn, quality)
            points.loc[group.index, f"front_{cost}"] = on_front
    return _records(points)


def _records(table):
    """Rows as dicts, None where a value is missing."""
    return table.astype(object).where(table.notna(), None).to_dict("records")
