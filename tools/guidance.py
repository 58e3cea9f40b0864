"""What hints gained: ``python -m tools.guidance FILES`` writes it from results files.

The files are those of runs with the configuration ``guidance.yml`` of a benchmark, and
what is written is `docs/measured/guidance.json`, or the file that ``--into`` names: for
each task, corpus, solver, number of hints and share of wrong ones, the mean gain over
recordings and its 95 % interval. What was measured before and is not in the results
files stays.
"""

import argparse
import json
from pathlib import Path

import pandas as pd

from musaic_core.publish.results import readable
from musaic_core.results.rows import ALL, score_cells, with_labels
from musaic_core.results.statistics import mean_interval

KEYS = ("task", "corpus", "solver", "wrong", "hints")
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
        With task, corpus, solver, hints, wrong, recordings, before, gain, low and high.
    """
    df = with_labels(df[df["p_obj_hints"] > 0])
    df = df.assign(
        task=df["objective_name"].str.partition("[")[0],
        corpus=df["dataset_name"].map(readable),
    )
    keys = ["task", "corpus", "label", "p_obj_wrong_hints", "p_obj_hints"]
    return [
        {
            **dict(zip(KEYS, key, strict=True)),
            **_gain(rows),
        }
        for key, rows in df.groupby(keys, sort=False)
    ]


def _gain(rows):
    gain, before = (
        score_cells(rows, ALL, f"objective_{name}").to_numpy()
        for name in ("steering_gain", "value_before")
    )
    interval = mean_interval(gain)
    found = {"before": before.mean(), "gain": interval.mean}
    found |= {"low": interval.low, "high": interval.high}
    rounded = {name: round(float(value), 4) for name, value in found.items()}
    return {"recordings": interval.n, **rounded}


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
    records = json.loads((root / name).read_text(encoding="utf-8"))
    records = [
        record
        for record in records
        if record["corpus"] == corpus and record["task"].startswith(task)
    ]
    if not records:
        raise ValueError(f"there is no corpus {corpus!r}")
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


def _told(wrong, hints):
    share = f", {wrong:.0%} wrong" if wrong else ""
    return f"{hints:.0f} hint{'s' if hints > 1 else ''}{share}"


def _cell(record):
    if record is None:
        return "–"
    bounds = (f"{record[name]:+.3f}" for name in ("low", "high"))
    text = f"{record['gain']:+.3f} ({' to '.join(bounds)})"
    return text.replace("-", "−")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--into", type=Path, default=FILE)
    asked = parser.parse_args()
    frames = [pd.read_parquet(file) for file in asked.results]
    text = asked.into.read_text(encoding="utf-8") if asked.into.exists() else "[]"
    records = json.loads(text) + measured(pd.concat(frames, ignore_index=True))
    newest = {tuple(record[key] for key in KEYS): record for record in records}
    text = json.dumps([*newest.values()], indent=1)
    asked.into.write_text(text + "\n", encoding="utf-8")
