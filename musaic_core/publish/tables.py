"""What the pages compare: scores, ranks, costs, and sentences on them."""

import numpy as np
import pandas as pd

from musaic_core.publish.results import Benchmark, describe
from musaic_core.results.statistics import ranking, score_table, with_labels

COSTS = ["time", "memory", "parameters"]
COLUMNS = [
    *("task", "corpus", "solver", "label", "kind", "beta", "depth", "training", "n"),
    *("score", "low", "high", "rank", "others", *COSTS),
]


def label_all(benchmarks: list[Benchmark]) -> None:
    """Give a solver the same label on every task."""
    names = pd.concat([b.rows for b in benchmarks])
    labels = with_labels(names).set_index("solver_name")["label"].to_dict()
    for benchmark in benchmarks:
        benchmark.rows["label"] = benchmark.rows["solver_name"].map(labels)


def scores(benchmarks: list[Benchmark]) -> pd.DataFrame:
    """Score, interval, rank and cost of every solver on every corpus.

    Returns
    -------
    DataFrame
        One row a task, corpus and solver, with `COLUMNS`. ``low``, ``high`` and
        ``rank`` are missing where there is one recording, which no paired test can
        judge. ``time`` is in seconds for a minute of music where there is music,
        ``memory`` in MB.
    """
    rows = []
    for benchmark in benchmarks:
        described = {
            label: describe(benchmark, run)
            for label, run in benchmark.rows.groupby("label")
        }
        for corpus, df in benchmark.rows.groupby("corpus", sort=False):
            table = score_table(
                df, df["dataset_name"].iloc[0], "objective_value"
            ).replace([np.inf, -np.inf], np.nan)
            table = table.dropna(axis=1)
            if benchmark.lower_is_better:
                table = table[table.columns[::-1]]
            for label, row in ranking(table).iterrows():
                run = df[df["label"] == label]
                row = row.to_dict()
                if len(table) < 2:
                    row |= {"low": None, "high": None, "rank": None, "others": []}
                rows.append(
                    {
                        "task": benchmark.name,
                        "corpus": corpus,
                        "solver": run["solver_name"].iloc[0].split("[")[0],
                        "label": label,
                        **described[label],
                        "n": len(table),
                        "score": row.pop("mean"),
                        **row,
                        **_costs(run, benchmark),
                    }
                )
    return pd.DataFrame(rows, columns=COLUMNS).astype({"rank": "Int64"})


def _costs(run, benchmark):
    time = run.drop_duplicates(["dataset_name", "time"])["time"].sum()
    minutes = run.get("objective_duration", pd.Series([np.nan])).sum() / 60
    return {
        "time": float(time / minutes) if minutes else float(time),
        "memory": float(run.get("objective_peak_memory_mb", pd.Series()).max()),
        "parameters": float(run["objective_n_parameters"].median()),
    }


def front(costs, qualities) -> np.ndarray:
    """Which points no other point beats: cheaper and as good, or better and as cheap.

    Parameters
    ----------
    costs, qualities : array-like, shape (n,)
        Lower and higher is better; what is NaN is on no front.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    costs, qualities = np.asarray(costs, float), np.asarray(qualities, float)
    beaten = (
        (costs <= costs[:, None])
        & (qualities >= qualities[:, None])
        & ((costs < costs[:, None]) | (qualities > qualities[:, None]))
    ).any(1)
    return ~beaten & np.isfinite(costs) & np.isfinite(qualities)


def number(value) -> str:
    """Three decimals, or three digits where the value is large."""
    if value is None or pd.isna(value):
        return "–"
    return f"{value:.3f}" if abs(value) < 100 else f"{value:.3g}"


def sentences(table: pd.DataFrame, benchmark: Benchmark) -> list[tuple[str, str]]:
    """What the scores of a benchmark say: corpora, and a sentence on each."""
    texts = []
    for corpus, df in table[table["task"] == benchmark.name].groupby(
        "corpus", sort=False
    ):
        models = df[df["kind"] != "baseline or oracle"]
        if models.empty:
            continue
        best = models.iloc[0]
        if benchmark.lower_is_better:
            text = f"{best.label} comes closest, at {number(best.score)}"
            if len(models) > 1:
                second = models.iloc[1]
                text += f"; next is {second.label} at {number(second.score)}"
            texts.append((corpus, text + "."))
            continue
        text = f"{best.label} has the highest mean, {number(best.score)}"
        if best.n > 1:
            text += f" ({number(best.low)} to {number(best.high)})"
            known = set(models["label"])
            others = [other for other in best.others if other in known]
            if others:
                more = [f"{len(others) - 4} more"] if len(others) > 4 else []
                text += f", not told apart from {', '.join([*others[:4], *more])}"
            elif len(models) > 1:
                text += ", ahead of every other model by more than chance"
        reference = df[
            (df["kind"] == "baseline or oracle") & (df["score"] > best.score)
        ]
        if len(reference):
            above = (f"{r.label} at {number(r.score)}" for r in reference.itertuples())
            text += f". Above it, baselines and oracles: {', '.join(above)}"
        texts.append((corpus, text + "."))
    return texts
