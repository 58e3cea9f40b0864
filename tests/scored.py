"""Tables of results with the scores that a test makes up."""

import numpy as np
import pandas as pd

from musaic_core.results.rows import score_cells


def results(scores, dataset="corpus", **parameters):
    """Rows as benchopt gives them, from scores by solver: (recordings, repetitions)."""
    return pd.DataFrame(
        {
            "solver_name": solver,
            "dataset_name": dataset,
            "idx_rep": r,
            "objective_track": f"track {i}",
            "objective_value": score,
        }
        | {f"p_solver_{k}": v.get(solver) for k, v in parameters.items()}
        for solver, values in scores.items()
        for i, row in enumerate(np.reshape(values, (len(values), -1)))
        for r, score in enumerate(row)
    )


def cells(scores):
    return score_cells(results(scores), "corpus", "objective_value")
