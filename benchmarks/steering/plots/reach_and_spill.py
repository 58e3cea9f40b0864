"""How far what was asked for moved, and how far all else did."""

import benchopt

from musaic_core.results.rows import APART, NO_SCORES, datasets, kinds, score_table

GREY = "#9aa5b1"  # of floors and oracles, which do not compete
REQUESTS = ("all", "muted", "halved", "doubled")


class Plot(benchopt.BasePlot):
    name = "Reach and spill"
    type = "scatter"
    options = {"dataset": datasets, "request": list(REQUESTS)}

    def plot(self, df, dataset, request):
        """A point a solver; perfect is at 0 dB and 1, the untouched mixture at 0, 0."""
        suffix = "" if request == "all" else f"_{request}"
        reach, spill = (
            score_table(df, dataset, f"objective_{name}{suffix}").mean()
            for name in ("reach", "spill")
        )
        kind = kinds(df, dataset)
        return [
            {
                "x": [float(spill[label])],
                "y": [float(reach[label])],
                "label": label,
                **self.get_style(label),
                **({"color": GREY} if kind[label] in APART else {}),
            }
            for label in reach.index
        ]

    def get_metadata(self, df, dataset, request):
        title = "How far what is asked for moves, and how far the rest does"
        if not self.plot(df, dataset, request):
            title = NO_SCORES
        return {
            "title": f"{title}\n{dataset}",
            "xlabel": "spill: dB that each other stem moved",
            "ylabel": "reach: dB moved of dB asked for",
            "scale": "linear",
        }
