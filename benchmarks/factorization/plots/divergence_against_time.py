"""Divergence against time."""

import benchopt
import numpy as np

from musaic_core.results.rows import NO_SCORES, with_labels


def finite(df, dataset, objective):
    """The rows of a data set and objective that have a divergence, with labels."""
    df = with_labels(df)
    df = df[(df["dataset_name"] == dataset) & (df["objective_name"] == objective)]
    if "objective_divergence" not in df:
        return df.iloc[:0]
    return df[np.isfinite(df["objective_divergence"].astype(float))]


class Plot(benchopt.BasePlot):
    name = "Divergence against time"
    type = "scatter"
    options = {"dataset": ..., "objective": ...}

    def plot(self, df, dataset, objective):
        curves = []
        for label, runs in finite(df, dataset, objective).groupby("label"):
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
        there = len(finite(df, dataset, objective))
        return {
            "title": f"{objective if there else NO_SCORES}\n{dataset}",
            "xlabel": "seconds",
            "ylabel": "divergence",
            "scale": "loglog",
        }
