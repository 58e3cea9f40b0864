"""SDR of each stem, per solver."""

import benchopt
import matplotlib.figure

from musaic_core.results.pictures import render
from musaic_core.results.statistics import bootstrap_interval, score_table


def tables(df, dataset):
    """Scores by recording and solver, for each stem of a corpus."""
    columns = df[df["dataset_name"] == dataset].dropna(axis=1, how="all").columns
    stems = [c.removeprefix("objective_sir_") for c in columns if "_sir_" in c]
    return {s: score_table(df, dataset, f"objective_sdr_{s}") for s in stems}


def draw(tables, solvers):
    """A panel a stem, a line a solver; RGB from 0 to 1."""
    figure = matplotlib.figure.Figure(figsize=(8, 8), dpi=110, layout="constrained")
    rows = -(-len(tables) // 2)
    panels = figure.subplots(rows, 2, sharex=True, sharey=True, squeeze=False)
    for axes in panels.flat[len(tables) :]:
        axes.set_visible(False)
    for axes, (stem, table) in zip(panels.flat, tables.items(), strict=False):
        for y, solver in enumerate(solvers):
            scores = table[solver].to_numpy()
            axes.plot(bootstrap_interval(scores), (y, y), color="#9aa5b1", linewidth=4)
            axes.plot(scores.mean(), y, "o", color="#1d3557", markersize=5)
        axes.set_title(stem, fontsize=10)
        axes.set_yticks(range(len(solvers)), solvers, fontsize=9)
        axes.grid(axis="x", color="#e5e5e5")
        axes.set_axisbelow(True)
    panels[0, 0].invert_yaxis()  # the best one first
    figure.supxlabel("SDR (dB)", fontsize=10)
    return render(figure)


class Plot(benchopt.BasePlot):
    name = "SDR of stems"
    type = "image"
    options = {"dataset": ...}

    def plot(self, df, dataset):
        solvers = score_table(df, dataset, "objective_sdr").columns
        found = tables(df, dataset)
        if not found:
            return []
        label = "mean over recordings, and its 95 % bootstrap interval"
        return [{"image": draw(found, solvers), "label": label}]

    def get_metadata(self, df, dataset):
        return {"title": f"SDR of each stem, {dataset}"}
