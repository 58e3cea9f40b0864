"""What a user's hints gain, by how many they are."""

import benchopt
import numpy as np

from musaic_core.results.rows import APART, datasets, guidance, kinds, score_cells
from musaic_core.results.statistics import mean_interval

NOBODY = "nobody gave hints here; guidance.yml is a run in which a user does"


def shares(df):
    """Shares of wrong hints that there are results for."""
    return sorted(guidance(df)[1].unique().tolist())


class Plot(benchopt.BasePlot):
    name = "Steering gain"
    type = "scatter"
    options = {"dataset": datasets, "wrong": shares}

    def plot(self, df, dataset, wrong):
        """A curve a solver, of means over recordings with their 95 % intervals."""
        (given, lies), curves = guidance(df), {}
        for n_hints, rows in df[(given > 0) & (lies == wrong)].groupby(given):
            cells = score_cells(rows, dataset, "objective_steering_gain")
            for label in dict.fromkeys(label for label, _ in cells.columns):
                interval = mean_interval(cells[label].to_numpy())
                curves.setdefault(label, []).append((n_hints, interval))
        kind = kinds(df, dataset)
        return [
            {
                "x": [float(n_hints) for n_hints, _ in curve],
                "y": [interval.mean for _, interval in curve],
                "y_low": [interval.low for _, interval in curve],
                "y_high": [interval.high for _, interval in curve],
                "label": label,
                **self.get_style(label),
            }
            for label, curve in curves.items()
            if kind[label] not in APART
        ]

    def get_metadata(self, df, dataset, wrong):
        there = self.plot(df, dataset, wrong)
        told = "What hints gain where none was given"
        if wrong:
            told += f", a share of {np.round(wrong, 2)} of them wrong"
        return {
            "title": f"{told if there else NOBODY}\n{dataset}",
            "xlabel": "hints on a recording",
            "ylabel": "score gained",
            "scale": "semilog-x",
        }
