"""Every solver at once: quality, cost, interpretability and steerability."""

import benchopt
import matplotlib.figure
import numpy as np
import pandas as pd

from musaic_core.results.figures import message, render
from musaic_core.results.rows import (
    NO_SCORES,
    datasets,
    kinds,
    score_cells,
    score_table,
    seconds,
    with_labels,
)
from musaic_core.results.statistics import ranking


def solvers(df, dataset):
    """A row a solver that competes: score, cost, purity, gain; and how many hints."""
    df = with_labels(df)
    none = pd.Series(0.0, df.index)
    hints, wrong = (
        pd.to_numeric(df.get(f"p_obj_{name}", none)).fillna(0)
        for name in ("hints", "wrong_hints")
    )
    plain = df[hints == 0]
    table = ranking(score_cells(plain, dataset, "objective_value"), kinds(plain))
    table = table[~table["apart"] & (table["n"] > 0)]
    most = hints[wrong == 0].max()
    guided = df[(hints == most) & (wrong == 0) & (hints > 0)]
    found = {
        "score": table["mean"],
        "seconds": seconds(plain, dataset)["predict"],
        "purity": score_table(plain, dataset, "objective_purity").mean(),
        "gain": score_table(guided, dataset, "objective_steering_gain").mean(),
    }
    found = {name: column.reindex(table.index) for name, column in found.items()}
    found = pd.DataFrame(found, dtype=float)
    return found[found["seconds"] > 0].sort_values("seconds"), most


def on_front(table):
    """Which solvers no other beats in both score and seconds."""
    # by seconds, so that only what comes before can beat one
    best = table["score"].cummax().shift(fill_value=-np.inf)
    return table["score"] > best


def draw(table):
    """Score against seconds; purity is the colour, and the gain the size; RGB."""
    figure = matplotlib.figure.Figure((8, 6), dpi=110, layout="constrained")
    axes = figure.subplots()
    front = table[on_front(table)]
    axes.step(front["seconds"], front["score"], ":", color="#555555", where="post")
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
    front = table[on_front(table)]
    said = [f"No solver is better and faster than {', '.join(front.index)}"]
    for column, what in (
        ("purity", "The purest components are those of {} ({:.2f})"),
        ("gain", f"With {n_hints:.0f} hints {{}} gains most ({{:+.3f}})"),
    ):
        if table[column].notna().any():
            best = table[column].idxmax()
            said.append(what.format(best, table[column].max()))
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
