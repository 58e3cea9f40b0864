"""Which differences between solvers hold."""

import benchopt

from musaic_core.results.statistics import datasets, ranking, score_table


class Plot(benchopt.BasePlot):
    name = "Ranking"
    type = "table"
    options = {"dataset": datasets}

    def plot(self, df, dataset):
        table = ranking(score_table(df, dataset, "objective_value"))
        return [
            [
                row.rank,
                row.Index,
                row.mean,
                f"{row.low:.3f} to {row.high:.3f}",
                ", ".join(row.others) or "none",
            ]
            for row in table.itertuples()
        ]

    def get_metadata(self, df, dataset):
        n_tracks = len(score_table(df, dataset, "objective_value"))
        return {
            "title": f"Ranking over {n_tracks} recordings (paired t-tests, false "
            f"discovery rate 5 %)\n{dataset}",
            "columns": [
                "rank",
                "solver",
                "mean",
                "interval (95 %)",
                "not told apart from",
            ],
            "default_order_column": "rank",
            "default_order_ascending": True,
        }
