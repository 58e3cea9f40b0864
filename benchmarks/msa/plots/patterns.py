"""What an NTD's core says of each section's pattern."""

import benchopt
import matplotlib.figure
import numpy as np

from musaic_core.results.figures import message, picture, render
from musaic_core.results.rows import saved_files


def solvers(df):
    return sorted({row.label for row, _ in saved_files(df, "patterns.npz")}) or ["none"]


def draw(file):
    """A small picture a section; RGB from 0 to 1."""
    with np.load(file) as saved:
        patterns, starts = np.sqrt(saved["patterns"].astype(float)), saved["starts"]
        labels = saved["labels"]
    used = patterns.max((0, 2)) > 0.05  # templates that hardly sound are left out
    columns = int(np.ceil(np.sqrt(len(patterns))))
    figure = matplotlib.figure.Figure(figsize=(8, 8), dpi=90, layout="constrained")
    grid = figure.subplots(-(-len(patterns) // columns), columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, pattern, start, label in zip(
        grid.flat, patterns, starts, labels, strict=False
    ):
        axes.imshow(
            pattern[used], origin="lower", aspect="auto", cmap="magma", vmin=0, vmax=1
        )
        axes.set_title(f"{label}, {int(start // 60)}:{int(start % 60):02}", fontsize=10)
    figure.supxlabel("rhythms: templates in time, from early to late in the bar")
    figure.supylabel("spectra: templates, from low to high")
    return render(figure)


class Plot(benchopt.BasePlot):
    name = "Patterns"
    type = "image"
    options = {"dataset": ..., "solver": solvers}

    def plot(self, df, dataset, solver):
        """The first recording of the corpus."""
        for row, file in saved_files(df, "patterns.npz"):
            if (row.dataset_name, row.label) == (dataset, solver):
                return [{"image": picture(draw, file), "label": row.objective_track}]
        nothing = message("this solver saved no patterns here")
        return [{"image": nothing, "label": dataset}]

    def get_metadata(self, df, dataset, solver):
        return {"title": f"Section patterns in the core: {solver}, {dataset}"}
