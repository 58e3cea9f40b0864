"""How long each solver takes to come close to the best divergence."""

import benchopt
import numpy as np

from musaic_core.results.rows import with_labels

CLOSE = 1.15  # times the lowest divergence that any solver reached


class Plot(benchopt.BasePlot):
    name = "Time to divergence"
    type = "table"
    options = {"dataset": ..., "objective": ...}

    def plot(self, df, dataset, objective):
        """The fastest first; of a solver that fails, why."""
        df = with_labels(df)
        df = df[(df["dataset_name"] == dataset) & (df["objective_name"] == objective)]
        for column, missing in (("divergence", np.nan), ("error", "")):
            if f"objective_{column}" not in df:
                df = df.assign(**{f"objective_{column}": missing})
        df["objective_divergence"] = df["objective_divergence"].astype(float)
        goal = CLOSE * df["objective_divergence"].min()
        rows = []
        for label, runs in df.groupby("label"):
            close = runs[runs["objective_divergence"] <= goal]
            errors = runs["objective_error"].fillna("")
            error = next((text for text in errors if text), "")
            milliseconds = iterations = ""
            if len(close):
                first = close.loc[close["time"].idxmin()]
                milliseconds = round(1000 * float(first["time"]), 1)
                if first["sampling_strategy"] == "Iteration":
                    iterations = int(first["stop_val"])
            lowest = error or float(runs["objective_divergence"].min())
            lowest = "no divergence" if lowest != lowest else lowest
            rows.append([label, milliseconds, iterations, lowest])
        return sorted(rows, key=lambda row: (row[1] == "", row[1] or 0.0))

    def get_metadata(self, df, dataset, objective):
        return {
            "title": f"Time to {CLOSE - 1:.0%} above the lowest divergence of all\n"
            f"{objective}, {dataset}",
            "columns": ["solver", "milliseconds", "iterations", "lowest divergence"],
        }
