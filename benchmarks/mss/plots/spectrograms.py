"""Spectrograms of a mixture, of its true stems and of the estimated ones."""

import benchopt

from musaic_core.results.figures import draw_spectrograms, message, picture
from musaic_core.results.rows import saved_files

FILE = "spectrograms.npz"


def solvers(df):
    return sorted({row.label for row, _ in saved_files(df, FILE)}) or ["none"]


class Plot(benchopt.BasePlot):
    name = "Spectrograms"
    type = "image"
    options = {"dataset": ..., "solver": solvers}

    def plot(self, df, dataset, solver):
        """The first recording of the corpus."""
        for row, file in saved_files(df, FILE):
            if (row.dataset_name, row.label) == (dataset, solver):
                image = picture(draw_spectrograms, file)
                return [{"image": image, "label": row.objective_track}]
        nothing = message("this solver saved no spectrograms here")
        return [{"image": nothing, "label": dataset}]

    def get_metadata(self, df, dataset, solver):
        return {"title": f"{solver}, {dataset}"}
