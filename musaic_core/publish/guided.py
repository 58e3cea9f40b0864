"""What a user's hints gained on a recording, for its page."""

import numpy as np

from musaic_core.publish.tracks import AnsweredRecording
from musaic_core.results.rows import guidance


def gains_of(recording: AnsweredRecording) -> list[dict]:
    """Read how much each model's score rose by so many hints.

    Parameters
    ----------
    recording : AnsweredRecording
        From `find_recordings`.

    Returns
    -------
    list of dict
        One a task, corpus and solver that was told something, all of it true: ``name``,
        and ``gains``, pairs of how many hints there were and what they gained where
        none was given, from few to many; the mean over repetitions.
    """
    found = []
    of_page = {benchmark.name: benchmark for benchmark, _ in recording.rows}
    for name, benchmark in of_page.items():
        corpora = {r.dataset_name for b, r in recording.rows if b.name == name}
        rows = benchmark.guided
        hints, wrong = guidance(rows)
        here = (rows["objective_track"] == recording.id) & (wrong == 0)
        rows = rows[here & rows["dataset_name"].isin(corpora)].assign(n_hints=hints)
        for (corpus, label), run in rows.groupby(["corpus", "label"], sort=False):
            gains = run.groupby("n_hints")["objective_steering_gain"].mean()
            pairs = [[int(n), round(g, 4)] for n, g in gains.items() if np.isfinite(g)]
            if pairs:
                # a narrow legend cuts what is last
                told = f"{label}: {benchmark.title}, {corpus}"
                found.append({"name": told, "gains": pairs})
    return found
