"""What hints gained: ``python -m tools.guidance FILES`` writes it from results files.

The files are those of runs with the configuration ``guidance.yml`` of a benchmark, and
what is written is `docs/measured/guidance.json`, or the file that ``--into`` names: for
each task, corpus, solver, number of hints and share of wrong ones, the mean gain over
recordings and its 95 % interval. What is measured of a task and corpus takes the place
of all that was measured of it before; that of others stays.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

from musaic_core.publish.results import readable
from musaic_core.results.rows import ALL, score_cells, with_labels
from musaic_core.results.statistics import mean_interval

KEYS = ("solver", "wrong", "hints")
FILE = Path(__file__).resolve().parent.parent / "docs/measured/guidance.json"


def measured(df: pd.DataFrame) -> list[dict]:
    """Summarise guided runs.

    Parameters
    ----------
    df : DataFrame
        Rows of results files.

    Returns
    -------
    list of dict
        With task, corpus, solver, hints, wrong, recordings, before, gain, low and high,
        which are None of one recording alone. What has no score is left out.
    """
    df = df[df["p_obj_hints"] > 0]
    task, corpus = df["objective_name"].str.partition("[")[0], df["dataset_name"]
    asked = ["label", "p_obj_wrong_hints", "p_obj_hints"]
    return [
        {"task": name, "corpus": of, **dict(zip(KEYS, key, strict=True)), **gain}
        for (name, of), runs in df.groupby([task, corpus.map(readable)], sort=False)
        for key, rows in with_labels(runs).groupby(asked, sort=False)
        if (gain := _gain(rows))
    ]


def _gain(rows):
    gain, before = (
        score_cells(rows, ALL, f"objective_{name}").to_numpy()
        for name in ("steering_gain", "value_before")
    )
    if not gain.size:
        return None
    interval = mean_interval(gain)
    found = {"before": np.nanmean(before), "gain": interval.mean}
    is_known = np.isfinite(interval.half_width)
    for bound in ("low", "high"):
        found[bound] = getattr(interval, bound) if is_known else None
    rounded = {  # and 0 without a sign
        name: value if value is None else round(float(value), 4) + 0.0
        for name, value in found.items()
    }
    return {"recordings": interval.n, **rounded}


def merged(before: list[dict], now: list[dict]) -> list[dict]:
    """Put what is measured now in the place of what was measured of the same.

    Parameters
    ----------
    before, now : list of dict
        As `measured` gives them.

    Returns
    -------
    list of dict
    """
    anew = {(record["task"], record["corpus"]) for record in now}
    kept = [r for r in before if (r["task"], r["corpus"]) not in anew]
    return kept + now


def table(root: Path, name: str, corpus: str, task: str = "") -> list[list[str]]:
    """A row a solver, and a column a number of hints.

    Parameters
    ----------
    root : Path
        Of the repository.
    name : str
        Of the file.
    corpus : str
        Whose rows are shown.
    task : str
        How the task's name begins, where several have the corpus.

    Returns
    -------
    list of list of str
        The first row is the head.
    """
    records = _chosen(root, name, corpus, task)
    kinds = sorted({(record["wrong"], record["hints"]) for record in records})
    rows = [["solver", "without hints", *(_told(*kind) for kind in kinds)]]
    for solver in dict.fromkeys(record["solver"] for record in records):
        mine = {
            (record["wrong"], record["hints"]): record
            for record in records
            if record["solver"] == solver
        }
        before = next(iter(mine.values()))["before"]
        cells = [_cell(mine.get(kind)) for kind in kinds]
        rows.append([solver, f"{before:.3f}".replace("-", "−"), *cells])
    return rows


def sentence(root: Path, name: str, corpus: str, task: str = "") -> str:
    """Say which gains the intervals tell apart from nothing.

    Parameters
    ----------
    root, name, corpus, task
        As of `table`.

    Returns
    -------
    str
    """
    records = _chosen(root, name, corpus, task)
    if all(record["gain"] == 0 for record in records):
        return "No solver gains or loses anything."
    known = [record for record in records if record["low"] is not None]
    said = []
    for what, holds in (
        ("Gains", [record for record in known if record["low"] > 0]),
        ("Losses", [record for record in known if record["high"] < 0]),
    ):
        holds.sort(key=lambda record: (record["wrong"], record["hints"]))
        each = (f"{r['solver']} by {_told(r['wrong'], r['hints'])}" for r in holds)
        if holds:
            text = f"{what} that their intervals tell apart from 0: {'; '.join(each)}."
            said.append(text)
    return " ".join(said) or "No gain or loss is told apart from 0 by its interval."


def _chosen(root, name, corpus, task):
    """The records of a file that are of a corpus and task."""
    records = json.loads((root / name).read_text(encoding="utf-8"))
    records = [
        record
        for record in records
        if record["corpus"] == corpus and record["task"].startswith(task)
    ]
    if not records:
        raise ValueError(f"there is no corpus {corpus!r}")
    return records


def _told(wrong, hints):
    share = f", {wrong:.0%} wrong" if wrong else ""
    return f"{hints:.0f} hint{'s' if hints > 1 else ''}{share}"


def _cell(record):
    if record is None:
        return "–"
    text = f"{record['gain']:+.3f}"
    if record["low"] is not None:
        text += f" ({record['low']:+.3f} to {record['high']:+.3f})"
    return text.replace("-", "−")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--into", type=Path, default=FILE)
    asked = parser.parse_args()
    frames = [pd.read_parquet(file) for file in asked.results]
    text = asked.into.read_text(encoding="utf-8") if asked.into.exists() else "[]"
    now = measured(pd.concat(frames, ignore_index=True))
    text = json.dumps(merged(json.loads(text), now), indent=1)
    asked.into.write_text(text + "\n", encoding="utf-8")
