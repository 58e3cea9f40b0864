"""Divergence against time."""

import benchopt
import numpy as np

from musaic_core.results.statistics import with_labels


class Plot(benchopt.BasePlot):
    name = "Divergence against time"
    type = "scatter"
    options = {"dataset": ..., "objective": ...}

    def plot(self, df, dataset, objective):
        df = with_labels(df)
        df = df[(df["dataset_name"] == dataset) & (df["objective_name"] == objective)]
        df = df[np.isfinite(df["objective_divergence"])]
        curves = []
        for label, runs in df.groupby("label"):
            curve = runs.groupby("stop_val")[["time", "objective_divergence"]].median()
            curves.append(
                {
                    "x": curve["time"].tolist(),
                    "y": curve["objective_divergence"].tolist(),
                    "label": label,
                    **self.get_style(label),
                }
            )
        return curves

    def get_metadata(self, df, dataset, objective):
        return {
            "title": f"{objective}\n{dataset}",
            "xlabel": "seconds",
            "ylabel": "divergence",
            "scale": "loglog",
        }
