"""What scores on the embedded corpus foretell of recordings.

    python -m tools.foretell piano=benchmarks/<task>/outputs/pianos.parquet …

compares, for each ``PART=FILE`` that it is given, the results of a run on recordings
with those of the newest run of that part of the embedded corpus, in the unseen timbre
and without hints, by the same benchmark, or with ``--mini FILE``, and puts into
docs/measured/foretell.json what it prints:

- ``tau``, Kendall's rank correlation of the models' mean scores (1: recordings rank the
  models as the corpus does, 0: one order says nothing of the other), and ``low`` and
  ``high``, its 95 % interval by bootstrap: how it varies with the choice of recordings;
- ``agreement``, the mean over recordings of the same correlation between one recording
  and the mean of the others: where recordings don't agree on an order, nothing can
  foretell it;
- ``difference``, by how much scores are higher on the corpus, on average over models;
- how many ``models`` and ``recordings`` that is of.

Floors and oracles are left out, and models that have no score in one of the two.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

from musaic_core.results.rows import APART, guidance

FILE = Path(__file__).resolve().parent.parent / "docs" / "measured" / "foretell.json"
DRAWS = 2000


def foretold(corpus: pd.DataFrame, recordings: pd.DataFrame) -> dict[str, float]:
    """Compare how models score on a corpus and on recordings.

    Parameters
    ----------
    corpus, recordings : DataFrame
        Results of benchopt by the same task, a row a recording and solver.

    Returns
    -------
    dict of str to float
        As the module says; correlations are NaN where fewer than two models have
        scores in both, or all have the same.
    """
    there, here = _scores(corpus), _scores(recordings)
    models = [model for model in there if model in here]
    expected, scores = there[models].mean(), here[models]
    rng = np.random.default_rng(0)
    draws = np.sort(rng.integers(len(scores), size=(DRAWS, len(scores))))
    draws, times = np.unique(draws, axis=0, return_counts=True)
    taus = [_tau(expected, scores.iloc[draw].mean()) for draw in draws]
    taus = [tau for tau in np.repeat(taus, times) if not np.isnan(tau)] or [np.nan]
    low, high = np.quantile(taus, [0.025, 0.975])
    return {
        "tau": _tau(expected, scores.mean()),
        "low": float(low),
        "high": float(high),
        "agreement": _agreement(scores),
        "difference": float((expected - scores.mean()).mean()),
        "models": len(models),
        "recordings": len(scores),
    }


def _scores(rows):
    """A row a recording and a column a model, without those that have no score."""
    rows = rows[~rows["objective_kind"].isin(APART)]
    rows = rows.assign(score=pd.to_numeric(rows["objective_value"], errors="coerce"))
    table = rows.pivot_table(
        "score", ["dataset_name", "objective_track"], "solver_name"
    )
    return table.dropna(axis=1, how="all").dropna(how="all")


def _agreement(scores):
    """How well each recording's order is foretold by the mean of the others."""
    taus = [_tau(scores.drop(i).mean(), scores.loc[i]) for i in scores.index]
    taus = [tau for tau in taus if not np.isnan(tau)]
    return float(np.mean(taus)) if taus else np.nan


def _tau(expected, means):
    both = expected.notna() & means.notna()  # a draw may lack all that a model scored
    if min(expected[both].nunique(), means[both].nunique()) < 2:
        return np.nan  # there is no order
    return float(kendalltau(expected[both], means[both]).statistic)


def newest(folder: Path, part: str) -> pd.DataFrame:
    """Read the newest results of a part of the embedded corpus.

    Parameters
    ----------
    folder : Path
        ``outputs`` of a benchmark.
    part : str
        Of the corpus.

    Returns
    -------
    DataFrame

    Raises
    ------
    ValueError
        There are none.
    """
    files = sorted(folder.glob("*.parquet"), key=lambda file: file.stat().st_mtime)
    for file in reversed(files):
        rows = of_part(pd.read_parquet(file), part)
        # a run with hints has few models, and scores of parts of recordings
        if len(rows) and not guidance(rows)[0].any():
            return rows
    raise ValueError(f"{folder} has no results of mini[part={part}]; run it there")


def of_part(rows: pd.DataFrame, part: str) -> pd.DataFrame:
    """Choose the rows of a part of the embedded corpus, in the unseen timbre."""
    names = rows["dataset_name"]
    is_part = names.str.startswith("mini[") & names.str.contains(f"part={part}\\b")
    return rows[is_part & ~names.str.contains("timbre=seen")]


def main(arguments: Sequence[str] | None = None, file: Path = FILE) -> None:
    """Print and write what was found, as the module says."""
    parser = argparse.ArgumentParser(prog="python -m tools.foretell")
    parser.add_argument("pairs", nargs="+", metavar="PART=FILE")
    parser.add_argument("--mini", type=Path, help="results of the embedded corpus")
    given = parser.parse_args(arguments)
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    for pair in given.pairs:
        part, _, name = pair.partition("=")
        if not Path(name).is_file():
            parser.error(f"{pair}: there is no such file of results")
        recordings = Path(name).resolve()
        try:
            if given.mini is None:
                corpus = newest(recordings.parent, part)
            else:
                corpus = of_part(pd.read_parquet(given.mini), part)
            found = foretold(corpus, pd.read_parquet(recordings))
        except ValueError as error:
            parser.error(str(error))
        task = recordings.parent.parent.name
        known[f"{task} {part}"] = {
            key: None if np.isnan(value) else round(value, 3)
            for key, value in found.items()
        }
        print(
            f"{task} {part}: tau {found['tau']:.2f} ({found['low']:.2f} to "
            f"{found['high']:.2f}; among recordings {found['agreement']:.2f}), "
            f"scores {found['difference']:+.3f} on the corpus; "
            f"{found['models']} models, {found['recordings']} recordings"
        )
    text = json.dumps(known, indent=1, sort_keys=True)
    file.write_text(text + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
