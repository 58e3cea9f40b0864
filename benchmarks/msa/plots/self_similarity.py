"""Self-similarity of the bars, with reference and estimated boundaries."""

from itertools import pairwise

import benchopt
import matplotlib.figure
import numpy as np

from musaic_core.results.figures import message, picture, render
from musaic_core.results.rows import saved_files

FOUND, TRUE = "#e76f51", "#2a9d8f"


def solvers(df):
    rows = saved_files(df, "structure.npz")
    return sorted({row.label for row, _ in rows}) or ["none"]


def recordings(df):
    rows = saved_files(df, "structure.npz")
    return list(dict.fromkeys(row.objective_track for row, _ in rows)) or ["none"]


def draw(file):
    """Similarity of each bar to each, between the sections; RGB from 0 to 1."""
    with np.load(file) as saved:
        saved = dict(saved)
    end = saved["estimated"][-1]
    figure = matplotlib.figure.Figure(figsize=(8, 8.4), dpi=90, layout="constrained")
    *rows, square = figure.subplots(
        3, 1, sharex=True, gridspec_kw={"height_ratios": [1, 1, 18]}
    )
    square.set(xlabel="time (s)", ylabel="time (s)", xlim=(0, end), ylim=(end, 0))
    if "similarity" in saved:
        bars = saved["bars"]
        square.pcolormesh(bars, bars, saved["similarity"], cmap="magma")
    for row, name, colour in zip(
        rows, ("reference", "estimated"), (TRUE, FOUND), strict=True
    ):
        row.set_ylabel(name, rotation=0, ha="right", va="center")
        row.set(yticks=[], ylim=(0, 1))
        row.tick_params(bottom=False)
        if name in saved:
            draw_sections(row, saved[name], saved[f"{name}_labels"], colour)
            for a, b in pairwise(saved[name]):  # the corner of a section's block
                above, below = ([a, b, b], [a, a, b]), ([a, a, b], [a, b, b])
                corner = above if name == "reference" else below
                square.plot(*corner, color=colour, linewidth=2)
    return render(figure)


def draw_sections(axes, boundaries, labels, colour):
    """A row of sections; those of one label have one shade."""
    shades = {label: k for k, label in enumerate(dict.fromkeys(labels.tolist()))}
    for (start, stop), label in zip(pairwise(boundaries), labels, strict=True):
        alpha = 0.15 + 0.6 * shades[str(label)] / max(len(shades) - 1, 1)
        axes.axvspan(start, stop, facecolor=colour, alpha=alpha)
        axes.axvline(start, color="white", linewidth=2)
        axes.text((start + stop) / 2, 0.45, label, ha="center", va="center", fontsize=9)


class Plot(benchopt.BasePlot):
    name = "Self-similarity"
    type = "image"
    options = {"dataset": ..., "recording": recordings, "solver": solvers}

    def plot(self, df, dataset, recording, solver):
        for row, file in saved_files(df, "structure.npz"):
            names = row.dataset_name, row.objective_track, row.label
            if names == (dataset, recording, solver):
                return [{"image": picture(draw, file), "label": recording}]
        nothing = message("this solver saved no structure here")
        return [{"image": nothing, "label": recording}]

    def get_metadata(self, df, dataset, recording, solver):
        return {"title": f"{recording}, {solver}, {dataset}"}
