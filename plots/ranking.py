"""Which differences between solvers hold."""

import benchopt

from musaic_core.report import bootstrap_interval, datasets, on_a_par, score_table


class Plot(benchopt.BasePlot):
    name = "Ranking"
    type = "table"
    options = {"dataset": datasets}

    def plot(self, df, dataset):
        table = score_table(df, dataset, "objective_value")
        alike = on_a_par(table)
        rows = []
        for position, label in enumerate(table.columns):
            low, high = bootstrap_interval(table[label].to_numpy())
            others = [other for other in alike.columns[alike[label]] if other != label]
            rows.append(
                [
                    # 1 + how many are better by more than chance
                    1 + int((~alike[label].iloc[:position]).sum()),
                    label,
                    float(table[label].mean()),
                    f"{low:.3f} to {high:.3f}",
                    ", ".join(others) or "none",
                ]
            )
        return rows

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
