"""How close models of each rank come: where more components stop to help."""

import re

import benchopt
import pandas as pd

from musaic_core.results.rows import NO_SCORES, with_labels

SCORES = ("divergence", "relative_error", "factor_match")


def ranked(df, dataset, objective, score):
    """Medians by solver and rank, of those that have a rank of their own."""
    df = with_labels(df)
    df = df[(df["dataset_name"] == dataset) & (df["objective_name"] == objective)]
    df = df[df["sampling_strategy"] != "Iteration"]
    none = pd.Series(float("nan"), df.index)
    columns = {
        name: pd.to_numeric(df.get(f"objective_{name}", none), errors="coerce")
        for name in ("n_components", score)
    }
    # what ranks alone tell apart is one curve
    solvers = [re.sub(r" rank=\S+", "", label) for label in df["label"]]
    df = pd.DataFrame(columns, df.index).assign(solver=solvers).dropna()
    return df.groupby(["solver", "n_components"])[score].median().reset_index()


class Plot(benchopt.BasePlot):
    name = "Divergence against rank"
    type = "scatter"
    options = {"dataset": ..., "objective": ..., "score": list(SCORES)}

    def plot(self, df, dataset, objective, score):
        return [
            {
                "x": curve["n_components"].tolist(),
                "y": curve[score].tolist(),
                "label": solver,
                **self.get_style(solver),
            }
            for solver, curve in ranked(df, dataset, objective, score).groupby("solver")
        ]

    def get_metadata(self, df, dataset, objective, score):
        there = len(ranked(df, dataset, objective, score))
        return {
            "title": f"{objective if there else NO_SCORES}\n{dataset}",
            "xlabel": "components",
            "ylabel": score.replace("_", " "),
            "scale": "semilog-y" if score == "divergence" else "linear",
        }
