"""Templates and activations, as pictures."""

import benchopt

from musaic_core.results.figures import draw_factors, message, picture
from musaic_core.results.rows import saved_files


def solvers(df):
    return sorted({row.label for row, _ in saved_files(df, "factors.npz")}) or ["none"]


class Plot(benchopt.BasePlot):
    name = "Factors"
    type = "image"
    options = {"dataset": ..., "solver": solvers}

    def plot(self, df, dataset, solver):
        """The first recording of the corpus; all of them would fill the page."""
        for row, file in saved_files(df, "factors.npz"):
            if (row.dataset_name, row.label) == (dataset, solver):
                return [
                    {"image": picture(draw_factors, file), "label": row.objective_track}
                ]
        nothing = message("this solver saved no factors here")
        return [{"image": nothing, "label": dataset}]

    def get_metadata(self, df, dataset, solver):
        return {"title": f"{solver}, {dataset}"}
