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
from musaic_core.results.statistics import front, mean_interval, ranking
from musaic_core.results.words import trade_off


def solvers(df, dataset):
    """A row a solver that competes, as `trade_off` takes it; and how many hints."""
    df = with_labels(df)
    plain, guided = df[guidance(df)[0] == 0], most_guided(df)
    table = ranking(score_cells(plain, dataset, "objective_value"), kinds(plain))
    table = table[~table["apart"] & (table["n"] > 0)]
    cells = score_cells(guided, dataset, "objective_steering_gain")
    gains = {
        label: mean_interval(cells[label].to_numpy())
        for label in dict.fromkeys(label for label, _ in cells.columns)
    }
    found = {
        "score": table["mean"],
        "whole": table["n"] == table["of"],
        "cost": seconds(plain, dataset)["predict"],
        "purity": score_table(plain, dataset, "objective_purity").mean(),
        "gain": pd.Series({n: gain.mean for n, gain in gains.items()}, dtype=float),
        "gain_low": pd.Series(
            {n: gain.mean - gain.half_width for n, gain in gains.items()}, dtype=float
        ),
    }
    found = {name: column.reindex(table.index) for name, column in found.items()}
    return pd.DataFrame(found).sort_values("cost"), guidance(guided)[0].max()


def draw(table):
    """Score against seconds; purity is the colour, and the gain the size; RGB."""
    figure = matplotlib.figure.Figure((8, 6), dpi=110, layout="constrained")
    axes = figure.subplots()
    best = table[front(table["cost"], table["score"].where(table["whole"]))]
    axes.step(best["cost"], best["score"], ":", color="#555555", where="post")
    gain = table["gain"].fillna(0).clip(0)
    sizes = 60 + 600 * np.sqrt(gain / max(0.1, gain.max()))
    colours, known = table["purity"], table["purity"].notna()
    axes.scatter(
        table["cost"][~known],
        table["score"][~known],
        sizes[~known],
        "#c8ced6",
        edgecolors="#555555",
    )
    if known.any():
        drawn = axes.scatter(
            table["cost"][known],
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
            label if row["whole"] else f"{label} (a part of the recordings)",
            (row["cost"], row["score"]),
            (7, 5),
            textcoords="offset points",
            fontsize=7,
        )
    axes.set_xscale("log")
    axes.set(xlabel="seconds to predict a minute of music", ylabel="mean score")
    axes.grid(color="#e5e5e5")
    axes.set_axisbelow(True)
    return render(figure)


class Plot(benchopt.BasePlot):
    name = "Trade-off"
    type = "image"
    options = {"dataset": datasets}

    def plot(self, df, dataset):
        """A disc a solver: up is better, left faster, larger gains more from hints."""
        table, n_hints = solvers(df, dataset)
        drawn = table[table["cost"] > 0]
        if drawn.empty:
            return [{"image": message(NO_SCORES), "label": dataset}]
        told = trade_off(table, n_hints, cheaper="faster")
        return [{"image": draw(drawn), "label": told}]

    def get_metadata(self, df, dataset):
        title = "Quality, cost, purity (colour) and what hints gain (size)"
        return {"title": f"{title}\n{dataset}"}
