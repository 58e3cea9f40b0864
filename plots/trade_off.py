"""Every solver at once: quality, cost, interpretability and steerability."""

import benchopt
import matplotlib.figure
import numpy as np
import pandas as pd

from musaic_core.results.figures import message, render
from musaic_core.results.rows import (
    NO_SCORES,
    datasets,
    guidance,
    kinds,
    most_guided,
    score_cells,
    score_table,
    seconds,
    with_labels,
)
from musaic_core.results.statistics import front, ranking


def solvers(df, dataset):
    """A row a solver that competes: score, cost, purity, gain; and how many hints."""
    df = with_labels(df)
    plain, guided = df[guidance(df)[0] == 0], most_guided(df)
    table = ranking(score_cells(plain, dataset, "objective_value"), kinds(plain))
    table = table[~table["apart"] & (table["n"] > 0)]
    found = {
        "score": table["mean"],
        "seconds": seconds(plain, dataset)["predict"],
        "purity": score_table(plain, dataset, "objective_purity").mean(),
        "gain": score_table(guided, dataset, "objective_steering_gain").mean(),
    }
    found = {name: column.reindex(table.index) for name, column in found.items()}
    found = pd.DataFrame(found, dtype=float)
    return found[found["seconds"] > 0].sort_values("seconds"), guidance(guided)[0].max()


def draw(table):
    """Score against seconds; purity is the colour, and the gain the size; RGB."""
    figure = matplotlib.figure.Figure((8, 6), dpi=110, layout="constrained")
    axes = figure.subplots()
    best = table[front(table["seconds"], table["score"])]
    axes.step(best["seconds"], best["score"], ":", color="#555555", where="post")
    sizes = 60 + 600 * np.sqrt(table["gain"].fillna(0).clip(0) / 0.1)
    colours, known = table["purity"], table["purity"].notna()
    axes.scatter(
        table["seconds"][~known],
        table["score"][~known],
        sizes[~known],
        "#c8ced6",
        edgecolors="#555555",
    )
    if known.any():
        drawn = axes.scatter(
            table["seconds"][known],
            table["score"][known],
            sizes[known],
            colours[known],
            cmap="viridis",
            vmin=0,
            vmax=max(0.1, colours.max()),
            edgecolors="#555555",
        )
        figure.colorbar(drawn, label="purity (grey: no components)")
    for label, row in table.iterrows():
        axes.annotate(
            label,
            (row["seconds"], row["score"]),
            (7, 5),
            textcoords="offset points",
            fontsize=7,
        )
    axes.set_xscale("log")
    axes.set(xlabel="seconds to predict a minute of music", ylabel="mean score")
    axes.grid(color="#e5e5e5")
    axes.set_axisbelow(True)
    return render(figure)


def told(table, n_hints):
    """What the figure shows, from its numbers."""
    best = table[front(table["seconds"], table["score"])]
    said = [f"No solver is better and faster than {', '.join(best.index)}"]
    for column, what in (
        ("purity", "The purest components are those of {} ({:.2f})"),
        ("gain", f"With {n_hints:.0f} hints {{}} gains most ({{:+.3f}})"),
    ):
        if table[column].notna().any():
            most = table[column].idxmax()
            said.append(what.format(most, table[column].max()))
    return ". ".join(said) + "."


class Plot(benchopt.BasePlot):
    name = "Trade-off"
    type = "image"
    options = {"dataset": datasets}

    def plot(self, df, dataset):
        """A disc a solver: up is better, left faster, larger gains more from hints."""
        table, n_hints = solvers(df, dataset)
        if table.empty:
            return [{"image": message(NO_SCORES), "label": dataset}]
        return [{"image": draw(table), "label": told(table, n_hints)}]

    def get_metadata(self, df, dataset):
        title = "Quality, cost, purity (colour) and what hints gain (size)"
        return {"title": f"{title}\n{dataset}"}
