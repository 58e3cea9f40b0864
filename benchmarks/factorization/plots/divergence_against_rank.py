"""How close models of each rank come, predict and agree: where more stop to help."""

import re

import benchopt
import pandas as pd

from musaic_core.results.rows import NO_SCORES, with_labels

SCORES = (
    *("divergence", "relative_error", "factor_match"),
    *("cross_validation", "dispersion", "cophenetic"),
)


def ranked(df, dataset, objective, score):
    """Medians by solver and rank, NaN where one has no such score; none if all are."""
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
    df = pd.DataFrame(columns, df.index).assign(solver=solvers)
    medians = df.groupby(["solver", "n_components"])[score].median().reset_index()
    return medians if medians[score].notna().any() else medians.iloc[:0]


class Plot(benchopt.BasePlot):
    name = "Divergence against rank"
    type = "scatter"
    options = {"dataset": ..., "objective": ..., "score": list(SCORES)}

    def plot(self, df, dataset, objective, score):
        """A curve a solver; one without this score is a line at its own rank."""
        medians = ranked(df, dataset, objective, score)
        ends = [medians[score].min(), medians[score].max()]
        curves = []
        for solver, curve in medians.groupby("solver"):
            known = curve.dropna()
            x, y = known["n_components"].tolist(), known[score].tolist()
            if not x:
                x, y = [float(curve["n_components"].median())] * 2, ends
            curves.append({"x": x, "y": y, "label": solver, **self.get_style(solver)})
        return curves

    def get_metadata(self, df, dataset, objective, score):
        there = len(ranked(df, dataset, objective, score))
        return {
            "title": f"{objective if there else NO_SCORES}\n{dataset}",
            "xlabel": "components",
            "ylabel": score.replace("_", " "),
            "scale": "semilog-y" if score == "divergence" else "linear",
        }
