"""Estimated notes against the reference, of any solver and recording."""

import benchopt
import numpy as np

from musaic_core.data.notes import compare
from musaic_core.results.rows import saved_files

COLOURS = {
    "found": "#2a9d8f",
    "missed": "#1d3557",
    "wrong": "#e76f51",
    "estimated": "#2a9d8f",
}
TICK = 142  # at a note's ends, in Plotly's numbering


def solvers(df):
    return sorted({row.label for row, _ in saved_files(df, "notes.npz")}) or ["none"]


def recording(row):
    corpus = row.dataset_name.partition("[")[2].rstrip("]") or row.dataset_name
    return f"{row.objective_track} ({corpus})"


def recordings(df):
    rows = saved_files(df, "notes.npz")
    return list(dict.fromkeys(recording(row) for row, _ in rows)) or ["none"]


class Plot(benchopt.BasePlot):
    name = "Piano roll"
    type = "scatter"
    options = {"recording": recordings, "solver": solvers}

    def plot(self, df, recording, solver):
        file = self._files(df).get((recording, solver))
        if file is None:
            return []
        try:
            with np.load(file) as notes:
                parts = compare(notes["estimate"], notes.get("reference"))
        except Exception:  # one broken file costs its own figure alone
            return []
        return [
            {
                "x": [
                    t
                    for on, off, _ in notes
                    for t in (round(on, 2), round(off, 2), None)
                ],
                "y": [y for *_, pitch in notes for y in (int(pitch), int(pitch), None)],
                "label": f"{kind} ({len(notes)})",
                "color": COLOURS[kind],
                "marker": TICK,
            }
            for kind, notes in parts.items()
        ]

    def get_metadata(self, df, recording, solver):
        there = bool(self.plot(df, recording, solver))
        return {
            "title": f"{recording}\n{solver}{'' if there else ': no notes saved'}",
            "xlabel": "time (s)",
            "ylabel": "pitch (MIDI note number)",
            "scale": "linear",
        }

    def _files(self, df):
        if getattr(self, "_df", None) is not df:
            self._df = df
            self._found = {
                (recording(row), row.label): file
                for row, file in saved_files(df, "notes.npz")
            }
        return self._found
