"""Mean scores per solver: not all columns of the results file, which are too many."""

import benchopt
import pandas as pd
from benchopt.benchmark import get_running_benchmark

from musaic_core.results.rows import NO_SCORES, datasets, score_table, seconds

COSTS = {"fit": "fit (s)", "predict": "predict (s a minute)"}


class Plot(benchopt.BasePlot):
    name = "Means"
    type = "table"
    options = {"dataset": datasets}

    def _table(self, df, dataset):
        """By solver, the best first, the columns that the task declares, and costs."""
        objective = get_running_benchmark().get_benchmark_objective()
        means = {
            name: score_table(df, dataset, f"objective_{name}").mean()
            for name in objective.score_columns
        }
        value = score_table(df, dataset, "objective_value").mean()
        table = pd.DataFrame(means, index=value.index)
        return table.join(seconds(df, dataset).rename(columns=COSTS))

    def plot(self, df, dataset):
        table = self._table(df, dataset)
        rows = table.astype(object).where(table.notna(), "").itertuples()
        return [list(row) for row in rows]

    def get_metadata(self, df, dataset):
        table = self._table(df, dataset)
        title = "Means over recordings" if len(table) else NO_SCORES
        return {
            "title": f"{title}\n{dataset}",
            "columns": ["solver", *table.columns],
            "default_order_ascending": False,
            "default_order_column": 1,
        }
