"""What the pages compare: scores, ranks, costs, and sentences on them."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from musaic_core.publish.results import Benchmark, describe
from musaic_core.results.rows import (
    ALL,
    most_guided,
    score_cells,
    seconds,
    with_labels,
)
from musaic_core.results.statistics import NO_SCORE, mean_interval, ranking
from musaic_core.results.words import gains_most, purest, trade_off

# A cost's column, and what a page calls it: with music of known length, and without.
COSTS = {
    "time_predict": ("predict: s for a minute of music", "predict: s"),
    "time_fit": ("fit: s, training and tuning of a run", "fit: s"),
    "time": ("time: s", "time: s"),
    "memory": ("peak memory: MB", "peak memory: MB"),
    "parameters": ("parameters", "parameters"),
}
COLUMNS = [
    *("task", "corpus", "solver", "label", "kind", "apart", "beta", "training"),
    *("n", "of", "score", "low", "high", "interval", "rank", "others", *COSTS),
    *("purity", "steering_gain", "steering_low", "hints"),
]


def label_all(benchmarks: Iterable[Benchmark]) -> None:
    """Give a solver the same label on every task.

    Parameters
    ----------
    benchmarks : iterable of Benchmark
        Their rows get the column ``label``.
    """
    tables = [rows for b in benchmarks for rows in (b.rows, b.guided)]
    names = with_labels(pd.concat(tables))
    labels = names.set_index("solver_name")["label"].to_dict()
    for rows in tables:
        rows["label"] = rows["solver_name"].map(labels)


def scores(benchmarks: Iterable[Benchmark]) -> pd.DataFrame:
    """Tabulate score, interval, rank and cost of every solver on every corpus.

    Parameters
    ----------
    benchmarks : iterable of Benchmark
        With the column ``label``.

    Returns
    -------
    DataFrame
        One row a task, corpus and solver, with `COLUMNS`: the best first, floors and
        oracles after the others. ``n`` of the corpus's ``of`` recordings have a score,
        and ``score`` is their mean; ``low`` to ``high`` is its 95 % interval and
        ``interval`` says what that is due to. ``rank`` is missing for floors and
        oracles, and with one recording, which no test can judge. ``memory`` is in MB;
        the units of times are those of `COSTS`. ``purity`` is the mean over recordings
        of a model with components, and ``steering_gain`` that of so many ``hints``,
        the most that were given; ``steering_low`` is the lower bound of its 95 %
        interval.
    """
    rows = []
    for benchmark in benchmarks:
        for corpus, df in benchmark.rows.groupby("corpus", sort=False):
            cells = score_cells(df, df["dataset_name"].iloc[0], "objective_value")
            kinds = df.groupby("label")["objective_kind"].max().to_dict()
            table = ranking(cells, kinds, benchmark.lower_is_better)
            spent = seconds(df, df["dataset_name"].iloc[0])
            guided = benchmark.guided
            guided = most_guided(guided[guided["corpus"] == corpus])
            for label, row in table.iterrows():
                run = df[df["label"] == label]
                known = not np.isnan(row["interval"].half_width)
                rows.append(
                    {
                        "task": benchmark.name,
                        "corpus": corpus,
                        "solver": run["solver_name"].iloc[0].split("[")[0],
                        "label": label,
                        **describe(run),
                        **row[["apart", "n", "of", "rank", "others"]],
                        "score": row["mean"],
                        "low": row["interval"].low if known else None,
                        "high": row["interval"].high if known else None,
                        "interval": str(row["interval"]) if known else "",
                        **_costs(run, spent.loc[label]),
                        "purity": _mean(run, "objective_purity"),
                        **_steered(guided[guided["label"] == label]),
                    }
                )
    return pd.DataFrame(rows, columns=COLUMNS).astype({"rank": "Int64", "apart": bool})


def apart(
    table: pd.DataFrame, benchmarks: Iterable[Benchmark]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part scores on the embedded corpora from those on recordings.

    Parameters
    ----------
    table : DataFrame
        From `scores`.
    benchmarks : iterable of Benchmark

    Returns
    -------
    first : DataFrame
        On what comes with the repository; where nothing does, all.
    recorded : DataFrame
        On recordings from elsewhere, where others stand in the first.
    """
    recorded = {(b.name, corpus) for b in benchmarks for corpus in b.on_recordings}
    keys = zip(table["task"], table["corpus"], strict=True)
    is_recorded = np.array([key in recorded for key in keys], bool)
    if is_recorded.all():
        return table, table[:0]
    return table[~is_recorded], table[is_recorded]


def _costs(run, spent):
    """What a solver costs; benchopt's own time where its parts were not measured."""
    time = np.nan
    if spent.isna().all():
        runs = run.drop_duplicates(["dataset_name", "idx_rep", "time"])
        time = runs.groupby("idx_rep")["time"].sum().mean()
    return {
        "time_predict": float(spent["predict"]),
        "time_fit": float(spent["fit"]),
        "time": float(time),
        "memory": float(run["objective_peak_memory_mb"].max()),
        "parameters": float(run["objective_n_parameters"].median()),
    }


def _steered(run):
    gains = score_cells(run, ALL, "objective_steering_gain").to_numpy()
    gain = mean_interval(gains) if gains.size else NO_SCORE
    return {
        "steering_gain": gain.mean,
        "steering_low": gain.mean - gain.half_width,
        "hints": run["p_obj_hints"].max(),
    }


def _mean(run, column):
    return pd.to_numeric(run.get(column, pd.Series(dtype=float))).mean()


def units(benchmark: Benchmark) -> dict[str, str]:
    """Say what a page calls the costs of a benchmark.

    Parameters
    ----------
    benchmark : Benchmark
        Its rows tell whether it is of music of known length.

    Returns
    -------
    dict of str to str
        By the columns of `COSTS`.
    """
    return {cost: names[not benchmark.per_minute] for cost, names in COSTS.items()}


def trade_offs(table: pd.DataFrame, benchmarks: Iterable[Benchmark]) -> dict[str, dict]:
    """Say what each chart of quality and cost shows.

    Parameters
    ----------
    table : DataFrame
        From `scores`.
    benchmarks : iterable of Benchmark

    Returns
    -------
    dict of str to dict
        By task and corpus, joined by ``|``, the sentences by cost.
    """
    losses = {b.name: b.lower_is_better for b in benchmarks}
    told = {}
    for (task, corpus), df in table[~table["apart"]].groupby(["task", "corpus"]):
        models = df.set_index("label")
        models = models.assign(
            whole=models["n"] == models["of"],
            gain=models["steering_gain"],
            gain_low=models["steering_low"],
        )
        n_hints = models["hints"].max()
        told[f"{task}|{corpus}"] = {
            cost: trade_off(models.assign(cost=models[cost]), n_hints, losses[task])
            for cost in COSTS
        }
    return told


def number(value: float | None) -> str:
    """Write a number with three decimals, or with three digits where it is large.

    Parameters
    ----------
    value : float or None
        None and NaN are no number.

    Returns
    -------
    str
        A dash where there is no number.
    """
    if value is None or pd.isna(value):
        return "–"
    return f"{value:.3f}" if abs(value) < 100 else f"{value:.3g}"


def cost(value: float | None) -> str:
    """Write a cost with three digits, whatever its size.

    Parameters
    ----------
    value : float or None
        None and NaN are no number.

    Returns
    -------
    str
        A dash where there is no number.
    """
    if value is None or pd.isna(value):
        return "–"
    if 0 < abs(value) < 0.001:
        return "< 0.001"
    digits = 2 - int(np.floor(np.log10(abs(value)))) if value else 0
    return f"{round(value, digits):,.{max(0, digits)}f}"


def sentences(table: pd.DataFrame, benchmark: Benchmark) -> list[tuple[str, str]]:
    """Say what the scores of a benchmark show.

    Parameters
    ----------
    table : DataFrame
        From `scores`.
    benchmark : Benchmark
        The one to speak of.

    Returns
    -------
    list of (str, str)
        Corpora, and what there is to say of each. Floors and oracles are named as
        such, and a solver that lacks recordings is not the best one.
    """
    texts = []
    for corpus, df in table[table["task"] == benchmark.name].groupby(
        "corpus", sort=False
    ):
        models = df[~df["apart"]]
        whole = models[models["n"] == models["of"]]
        said = []
        if len(whole):
            said.append(_best(whole, models, benchmark))
        for row in models[models["n"] < models["of"]].itertuples():
            said.append(f"{row.label} has {row.n} of {row.of} recordings alone")
        by_label = models.set_index("label")
        steered = by_label["steering_gain"], by_label["steering_low"]
        said += [
            text
            for text in (
                purest(by_label["purity"]),
                gains_most(*steered, by_label["hints"].max()),
            )
            if text
        ]
        apart = [
            f"{row.label} ({row.kind}) at {number(row.score)}"
            for row in df[df["apart"]].itertuples()
        ]
        if apart:
            stand = "stand" if len(apart) > 1 else "stands"
            said.append(f"Beside them {stand} {', '.join(apart)}")
        texts.append((corpus, ". ".join(said) + "."))
    return texts


def _best(whole, models, benchmark):
    """Which model is the best of those that have all recordings, and how surely."""
    best = whole.iloc[0]
    extreme = "lowest" if benchmark.lower_is_better else "highest"
    text = f"{best.label} has the {extreme} mean, {number(best.score)}"
    if best.n < 2:
        if len(whole) > 1:
            second = whole.iloc[1]
            text += f"; next is {second.label} at {number(second.score)}"
        return text
    text += f" {best.interval.partition(';')[0]}"
    if best.others:
        more = [f"{len(best.others) - 4} more"] if len(best.others) > 4 else []
        text += f"; not told apart from it: {', '.join([*best.others[:4], *more])}"
    elif len(models) > 1 and best["rank"] == 1:
        text += ", ahead of every other model by more than chance"
    return text
