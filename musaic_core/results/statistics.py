"""Statistics that the reports draw."""

from collections.abc import Iterator
from numbers import Real

import numpy as np
import pandas as pd
from benchopt.benchmark import get_running_benchmark
from scipy import stats

ALL = "all"  # the option that averages over corpora


def datasets(df: pd.DataFrame) -> list[str]:
    """What a report can show: each corpus, and all of them together."""
    names = df["dataset_name"].unique().tolist()
    return [ALL, *names] if len(names) > 1 else names


def with_labels(df: pd.DataFrame) -> pd.DataFrame:
    """Add the column ``label``: solver names without what their variants share."""
    if "label" in df:
        return df
    labels = {}
    for _, variants in df.groupby(df["solver_name"].str.split("[").str[0]):
        parameters = variants.filter(like="p_solver_").dropna(axis=1, how="all")
        told_apart = parameters.columns[parameters.nunique() > 1]
        for name, row in variants.groupby("solver_name").first().iterrows():
            told = [_told(column, row[column]) for column in told_apart]
            labels[name] = " ".join([name.split("[")[0], *told])
    return df.assign(label=df["solver_name"].map(labels))


def _told(column, value):
    if not isinstance(value, Real):
        return str(value)
    name = column.removeprefix("p_solver_").replace("beta", "β")
    return f"{name}={value:g}"


def saved_files(df: pd.DataFrame, name: str) -> Iterator[tuple]:
    """Rows (named tuples, with ``label``) that saved a file of that name, and it."""
    outputs = get_running_benchmark().get_output_folder()
    for row in with_labels(df).itertuples():
        file = outputs / row.objective_files / name
        if row.objective_files and file.exists():
            yield row, file


def score_table(df: pd.DataFrame, dataset: str, column: str) -> pd.DataFrame:
    """Scores by recording and solver, best solver first.

    Parameters
    ----------
    df : DataFrame
        Results of benchopt, one row a recording.
    dataset : str
        A corpus, or `ALL`.
    column : str
        Score, such as ``objective_onset_f1``.

    Returns
    -------
    DataFrame
        One row a recording that every solver has a score for, one column a solver.
        For `ALL`, a recording that is in several corpora has its mean score.
    """
    df = with_labels(df)
    if dataset != ALL:
        df = df[df["dataset_name"] == dataset]
    table = df.pivot_table(column, "objective_track", "label").dropna()
    return table[table.mean().sort_values(ascending=False).index]


def bootstrap_interval(scores: np.ndarray) -> tuple[float, float]:
    """Bounds of the mean's 95 % interval over recordings (percentile bootstrap)."""
    if len(scores) < 2:
        return float(np.mean(scores)), float(np.mean(scores))
    interval = stats.bootstrap(
        (scores,), np.mean, method="percentile", n_resamples=2000, rng=0
    ).confidence_interval
    return float(interval.low), float(interval.high)


def on_a_par(table: pd.DataFrame) -> pd.DataFrame:
    """Which solvers a paired t-test over recordings does not tell apart.

    The false discovery rate over all pairs is held at 5 % (Benjamini and Hochberg
    1995).

    Parameters
    ----------
    table : DataFrame
        From `score_table`.

    Returns
    -------
    DataFrame of bool
        Solvers by solvers.
    """
    first, second = np.triu_indices(table.shape[1], 1)
    scores = table.to_numpy()
    p = np.ones(len(first))
    for k, (i, j) in enumerate(zip(first, second, strict=True)):
        difference = scores[:, i] - scores[:, j]
        if len(table) > 1 and np.ptp(difference) > 0:
            p[k] = stats.ttest_1samp(difference, 0).pvalue
        elif len(table) > 1 and difference[0] != 0:
            p[k] = 0.0  # the same difference everywhere
    alike = np.eye(table.shape[1], dtype=bool)
    if len(p):
        alike[first, second] = stats.false_discovery_control(p) > 0.05
    return pd.DataFrame(alike | alike.T, table.columns, table.columns)


def ranking(table: pd.DataFrame) -> pd.DataFrame:
    """Mean, interval and rank of each solver.

    Parameters
    ----------
    table : DataFrame
        From `score_table`.

    Returns
    -------
    DataFrame
        Indexed by solver: ``mean``, ``low`` and ``high`` (its 95 % interval),
        ``rank`` (1 + how many are better by more than chance) and ``others`` (those
        it is not told apart from, a list).
    """
    alike = on_a_par(table)
    rows = {}
    for position, label in enumerate(table.columns):
        low, high = bootstrap_interval(table[label].to_numpy())
        rows[label] = {
            "mean": float(table[label].mean()),
            "low": low,
            "high": high,
            "rank": 1 + int((~alike[label].iloc[:position]).sum()),
            "others": [o for o in alike.columns[alike[label]] if o != label],
        }
    columns = ["mean", "low", "high", "rank", "others"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)
