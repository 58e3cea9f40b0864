"""Every solver a point: how good, and how long it takes."""

import benchopt
import numpy as np

from musaic_core.results.rows import datasets, kinds, score_cells, seconds
from musaic_core.results.statistics import ranking

GREY = "#9aa5b1"
TIMES = {
    "predict": "seconds to predict a minute of music",
    "fit": "seconds to train and tune, a run",
}


class Plot(benchopt.BasePlot):
    name = "Quality against time"
    type = "scatter"
    options = {"dataset": datasets, "time": list(TIMES)}

    def plot(self, df, dataset, time):
        """A point a solver; floors and oracles, which do not compete, are grey."""
        table = ranking(score_cells(df, dataset, "objective_value"), kinds(df, dataset))
        table["seconds"] = seconds(df, dataset)[time].reindex(table.index)
        # what takes no time has no logarithm
        table = table[(table["seconds"] > 0) & (table["n"] > 0)]
        span = table["seconds"][~table["apart"]]
        span = span if len(span) else table["seconds"]
        points = []
        for row in table.itertuples():
            x, y = [row.seconds], [row.mean]
            style = self.get_style(row.Index)
            if row.apart:
                x = [span.min(), span.max()]
                y = 2 * y
                style = style | {"color": GREY}
            points.append(
                {
                    "x": np.array(x, float).tolist(),
                    "y": np.array(y, float).tolist(),
                    "label": row.shown_as,
                    **style,
                }
            )
        return points

    def get_metadata(self, df, dataset, time):
        title = "Quality against time"
        if not self.plot(df, dataset, time):
            title = "No solver was both scored and timed here"
        return {
            "title": f"{title}\n{dataset}",
            "xlabel": TIMES[time],
            "ylabel": "mean score",
            "scale": "semilog-x",
        }
