"""Rows of results files: whose they are, what they saved, and their scores."""

from collections.abc import Iterable, Iterator
from numbers import Real
from pathlib import Path

import numpy as np
import pandas as pd
from benchopt.benchmark import get_running_benchmark

ALL = "all"  # the option that averages over corpora
NO_SCORES = "no recording has a score here; the table's column error says why"
APART = ("floor", "oracle")  # kinds that are shown beside the others and never ranked


def datasets(df: pd.DataFrame) -> list[str]:
    """List what a report can show: each corpus, and all of them together.

    Parameters
    ----------
    df : DataFrame
        Results of benchopt.

    Returns
    -------
    list of str
        Names of the corpora, after `ALL` where there are several.
    """
    names = df["dataset_name"].unique().tolist()
    return [ALL, *names] if len(names) > 1 else names


def with_labels(df: pd.DataFrame) -> pd.DataFrame:
    """Add the column ``label``: solver names without what their variants share.

    Parameters
    ----------
    df : DataFrame
        Results of benchopt.

    Returns
    -------
    DataFrame
        With ``label``, such as "nmf β=1" for the solver ``nmf[beta=1,rank=9]`` where
        all variants of it have rank 9.
    """
    if "label" in df:
        return df
    labels = {}
    for _, variants in df.groupby(df["solver_name"].str.split("[").str[0]):
        parameters = variants.filter(like="p_solver_").dropna(axis=1, how="all")
        parameters = parameters.map(_hashable)
        told_apart = parameters.columns[parameters.nunique() > 1]
        for name in variants["solver_name"].unique():
            row = parameters[variants["solver_name"] == name].iloc[0]
            told = [_told(column, row[column]) for column in told_apart]
            labels[name] = " ".join([name.split("[")[0], *told])
    return df.assign(label=df["solver_name"].map(labels))


def _of_corpus(df, dataset):
    """The rows of a corpus, or of `ALL`, with the labels that they have among all."""
    df = with_labels(df)
    return df if dataset == ALL else df[df["dataset_name"] == dataset]


def _hashable(value):
    return tuple(value) if isinstance(value, (list, np.ndarray)) else value


def _told(column, value):
    if not isinstance(value, Real):
        return str(value)
    name = column.removeprefix("p_solver_").replace("beta", "β")
    return f"{name}={value:g}"


def guidance(df: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Say how a user guided the models, by row; 0 where nobody did.

    Parameters
    ----------
    df : DataFrame
        Results of benchopt.

    Returns
    -------
    hints : Series of float
        How many were asked for on each recording.
    wrong : Series of float
        The share of them that say the opposite.
    """
    none = pd.Series(0.0, df.index)
    columns = (df.get(f"p_obj_{name}", none) for name in ("hints", "wrong_hints"))
    hints, wrong = (pd.to_numeric(c, errors="coerce").fillna(0) for c in columns)
    return hints, wrong


def most_guided(df: pd.DataFrame) -> pd.DataFrame:
    """Choose the rows of runs with the most hints, all of them true.

    Parameters
    ----------
    df : DataFrame
        Results of benchopt.

    Returns
    -------
    DataFrame
        Empty where nobody gave any.
    """
    hints, wrong = guidance(df)
    true = hints.where((hints > 0) & (wrong == 0))
    return df[true == true.max()]


def kinds(df: pd.DataFrame, dataset: str = ALL) -> dict[str, str]:
    """Say of what kind each solver is.

    Parameters
    ----------
    df : DataFrame
        Results of benchopt.
    dataset : str
        A corpus, or `ALL`.

    Returns
    -------
    dict of str to str
        By label, low-rank, learned, hybrid, peer, floor or oracle; "" where the
        results do not say.
    """
    df = _of_corpus(df, dataset)
    if "objective_kind" not in df:
        return dict.fromkeys(df["label"], "")
    return df["objective_kind"].fillna("").groupby(df["label"]).max().to_dict()


def inside(path: Path, folders: Iterable[Path]) -> bool:
    """Whether a path leads into one of some folders, links and ``..`` followed.

    Parameters
    ----------
    path : Path
        Of a file or folder, whether or not there is one.
    folders : iterable of Path
        They may be links themselves.

    Returns
    -------
    bool
        Where it leads decides, and not how it is written.
    """
    path = Path(path).resolve()
    return any(path.is_relative_to(Path(folder).resolve()) for folder in folders)


def saved_files(df: pd.DataFrame, name: str) -> Iterator[tuple]:
    """Find the rows that saved a file of a name in the benchmark's outputs.

    Parameters
    ----------
    df : DataFrame
        Results of benchopt.
    name : str
        Of the file.

    Yields
    ------
    row : named tuple
        A row of the table, with ``label``.
    file : Path
        The file that it saved. What lies outside of the benchmark's outputs is not
        read, whatever a results file says.
    """
    outputs = get_running_benchmark().get_output_folder()
    if "objective_files" not in df:
        return
    for row in with_labels(df).itertuples():
        if not isinstance(row.objective_files, str) or not row.objective_files:
            continue
        file = outputs / row.objective_files / name
        if inside(file, [outputs]) and file.exists():
            yield row, file


def score_cells(df: pd.DataFrame, dataset: str, column: str) -> pd.DataFrame:
    """Tabulate scores by recording, solver and repetition.

    Parameters
    ----------
    df : DataFrame
        Results of benchopt, one row a recording.
    dataset : str
        A corpus, or `ALL`.
    column : str
        Score, such as ``objective_value``.

    Returns
    -------
    DataFrame
        One row a recording that some solver has a score for; one column a solver
        (first level) and repetition (second level). NaN where there is no score. For
        `ALL`, a recording that is in several corpora has its mean score. Empty where
        nobody has a score.
    """
    df = _of_corpus(df, dataset)
    if column not in df:
        df = df.assign(**{column: np.nan})
    scores = pd.to_numeric(df[column], errors="coerce")
    cells = pd.DataFrame(
        {
            "score": scores.replace([np.inf, -np.inf], np.nan),
            "recording": df["objective_track"],
            "label": df["label"],
            "repetition": df.get("idx_rep", 0),
        }
    ).dropna(subset="score")
    return cells.pivot_table("score", "recording", ["label", "repetition"], sort=False)


def score_table(df: pd.DataFrame, dataset: str, column: str) -> pd.DataFrame:
    """Tabulate scores by recording and solver: means over repetitions.

    Parameters
    ----------
    df : DataFrame
        Results of benchopt, one row a recording.
    dataset : str
        A corpus, or `ALL`.
    column : str
        Score, such as ``objective_value``.

    Returns
    -------
    DataFrame
        One row a recording that some solver has a score for, one column a solver, the
        one of the highest mean first. NaN where a solver has no score.
    """
    cells = score_cells(df, dataset, column)
    if cells.empty:
        return pd.DataFrame(index=cells.index)
    table = cells.T.groupby(level=0).mean().T
    return table[table.mean().sort_values(ascending=False, kind="stable").index]


def seconds(df: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """How long solvers take to fit and to predict.

    Parameters
    ----------
    df : DataFrame
        Results of benchopt, one row a recording.
    dataset : str
        A corpus, or `ALL`.

    Returns
    -------
    DataFrame
        By label: ``fit``, seconds that a run trains and tunes, and ``predict``, seconds
        that a minute of music takes, or, where durations are not known, a recording.
        Both are means over runs and repetitions; NaN where they were not measured.
    """
    df = _of_corpus(df, dataset)
    measured, columns = ["time_predict", "minutes"], {}
    for name in ("time_fit", "time_predict", "duration"):
        column = df.get(f"objective_{name}", pd.Series(np.nan, df.index))
        columns[name] = pd.to_numeric(column, errors="coerce")
    df = df[["label"]].assign(**columns)
    minutes = df["duration"] / 60 if df["duration"].notna().any() else 1.0
    df["minutes"] = minutes
    df.loc[df["minutes"].isna() | df["time_predict"].isna(), measured] = np.nan
    by_label = df.groupby("label", sort=False)
    spent = by_label[measured].sum(min_count=1)
    return pd.DataFrame(
        {
            "fit": by_label["time_fit"].mean(),
            "predict": spent["time_predict"] / spent["minutes"],
        }
    )
