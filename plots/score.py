"""Score per solver."""

import benchopt
from benchopt.benchmark import get_running_benchmark

from musaic_core.results.rows import NO_SCORES, datasets, kinds, score_cells
from musaic_core.results.statistics import ranking

GREY = "#9aa5b1"  # of floors and oracles, which do not compete


def scores(df):
    """The columns that the task declares, as far as they are there."""
    objective = get_running_benchmark().get_benchmark_objective()
    columns = [f"objective_{name}" for name in objective.score_columns]
    return [column for column in columns if column in df] or ["objective_value"]


class Plot(benchopt.BasePlot):
    name = "Score"
    type = "bar_chart"
    options = {"dataset": datasets, "objective_column": scores}

    def plot(self, df, dataset, objective_column):
        table = ranking(score_cells(df, dataset, objective_column), kinds(df, dataset))
        bars = []
        for row in table[table["n"] > 0].itertuples():
            color = GREY if row.apart else self.get_style(row.Index)["color"]
            # the report draws the median as a bar and each of the three as a tick
            values = [row.interval.low, row.mean, row.interval.high]
            bars.append(
                {"y": values, "text": "", "label": row.shown_as, "color": color}
            )
        return bars

    def get_metadata(self, df, dataset, objective_column):
        n_tracks = len(score_cells(df, dataset, objective_column))
        metric = objective_column.removeprefix("objective_")
        title = f"Mean {metric} over {n_tracks} recordings, and its 95 % interval"
        return {
            "title": f"{title if n_tracks else NO_SCORES}\n{dataset}",
            "ylabel": metric,
            "scale": "linear",
        }
