"""SDR of each stem, per solver."""

import benchopt
import matplotlib.figure

from musaic_core.results.figures import message, render
from musaic_core.results.rows import NO_SCORES, kinds, score_cells
from musaic_core.results.statistics import ranking


def tables(df, dataset):
    """Means and intervals of each solver, for each stem of a corpus."""
    columns = df[df["dataset_name"] == dataset].dropna(axis=1, how="all").columns
    stems = [c.removeprefix("objective_sir_") for c in columns if "_sir_" in c]
    found = {
        stem: ranking(score_cells(df, dataset, f"objective_sdr_{stem}"), kinds(df))
        for stem in stems
    }
    return {stem: table for stem, table in found.items() if len(table)}


def draw(tables, solvers):
    """A panel a stem, a line a solver; RGB from 0 to 1."""
    figure = matplotlib.figure.Figure(figsize=(8, 8), dpi=110, layout="constrained")
    rows = -(-len(tables) // 2)
    panels = figure.subplots(rows, 2, sharex=True, sharey=True, squeeze=False)
    for axes in panels.flat[len(tables) :]:
        axes.set_visible(False)
    for axes, (stem, table) in zip(panels.flat, tables.items(), strict=False):
        for y, solver in enumerate(solvers.index):
            if solver not in table.index:
                continue
            row = table.loc[solver]
            colour = "#9aa5b1" if row["apart"] else "#1d3557"
            span = (row["interval"].low, row["interval"].high)
            axes.plot(span, (y, y), color=colour, linewidth=4, alpha=0.4)
            axes.plot(row["mean"], y, "o", color=colour, markersize=5)
        axes.set_title(stem, fontsize=10)
        axes.set_yticks(range(len(solvers)), solvers["shown_as"], fontsize=9)
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
        cells = score_cells(df, dataset, "objective_sdr")
        solvers = ranking(cells, kinds(df, dataset))
        found = tables(df, dataset)
        if not found or solvers.empty:
            return [{"image": message(NO_SCORES), "label": dataset}]
        label = "mean over recordings, and its 95 % interval; floors and oracles grey"
        return [{"image": draw(found, solvers), "label": label}]

    def get_metadata(self, df, dataset):
        return {"title": f"SDR of each stem, {dataset}"}
