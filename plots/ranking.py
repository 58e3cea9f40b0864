"""Which differences between solvers hold."""

import benchopt
import pandas as pd
from benchopt.benchmark import get_running_benchmark

from musaic_core.results.rows import NO_SCORES, datasets, kinds, score_cells, seconds
from musaic_core.results.statistics import ranking

COLUMNS = [
    *("rank", "solver", "kind", "mean", "95 %"),
    *("fit (s)", "predict (s/min)", "not told apart from"),
]


def rank(row):
    """What the table is sorted by: words come after numbers."""
    if pd.isna(row.rank):
        return row.kind if row.apart else "unranked"
    return int(row.rank)


class Plot(benchopt.BasePlot):
    name = "Ranking"
    type = "table"
    options = {"dataset": datasets}

    def plot(self, df, dataset):
        """The best first; floors and oracles, which have no rank, below the others."""
        objective = get_running_benchmark().get_benchmark_objective()
        table = ranking(
            score_cells(df, dataset, "objective_value"),
            kinds(df, dataset),
            objective.lower_is_better,
        )
        spent = seconds(df, dataset).astype(object).fillna("–")
        return [
            [
                rank(row),
                row.shown_as,
                row.kind,
                row.mean if row.n else "–",
                str(row.interval),
                *spent.loc[row.Index],
                "" if pd.isna(row.rank) else ", ".join(row.others) or "none",
            ]
            for row in table.itertuples()
        ]

    def get_metadata(self, df, dataset):
        n_tracks = len(score_cells(df, dataset, "objective_value"))
        title = (
            f"Ranking over {n_tracks} recordings: t-tests of the differences on the "
            "recordings that both have, false discovery rate 5 %; predict: seconds for "
            "a minute of music"
        )
        return {
            "title": f"{title if n_tracks else NO_SCORES}\n{dataset}",
            "columns": COLUMNS,
        }
