"""Score per solver."""

import benchopt

from musaic_core.results.statistics import bootstrap_interval, datasets, score_table


def scores(df):
    endings = ("_f1", "_accuracy", "_f1_05", "_f1_3", "sdr")
    columns = [c for c in df if c.startswith("objective_") and c.endswith(endings)]
    return columns or ["objective_value"]


class Plot(benchopt.BasePlot):
    name = "Score"
    type = "bar_chart"
    options = {"dataset": datasets, "objective_column": scores}

    def plot(self, df, dataset, objective_column):
        table = score_table(df, dataset, objective_column)
        bars = []
        for label in table.columns:
            low, high = bootstrap_interval(table[label].to_numpy())
            # the report draws the median as a bar and each of the three as a tick
            values = [low, float(table[label].mean()), high]
            color = self.get_style(label)["color"]
            bars.append({"y": values, "text": "", "label": label, "color": color})
        return bars

    def get_metadata(self, df, dataset, objective_column):
        n_tracks = len(score_table(df, dataset, objective_column))
        metric = objective_column.removeprefix("objective_")
        return {
            "title": f"Mean {metric} over {n_tracks} recordings, and its 95 % "
            f"bootstrap interval\n{dataset}",
            "ylabel": metric,
            "scale": "linear",
        }
