"""How well velocities of estimated notes are told: the scores of mir_eval."""

import mir_eval
import numpy as np

from musaic_core.data.matching import match_notes
from musaic_core.data.notes import Notes

TOLERANCE = 0.1  # of the range of a recording's velocities


def velocity_scores(reference: Notes, estimate: Notes) -> dict[str, float]:
    """Score notes whose onset, pitch and velocity are to be right, as mir_eval does.

    Velocities of the notes whose onset is right are scaled and shifted, so that they
    are as near to the annotated ones as can be: no scale of loudness is asked for.

    Parameters
    ----------
    reference, estimate : Notes

    Returns
    -------
    dict of str to float
        ``velocity_`` precision, recall and f1. Empty where the reference knows no
        velocities: all of its notes have the same one.

    References
    ----------
    Hawthorne et al., "Onsets and frames: dual-objective piano transcription", ISMIR
    2018.
    """
    if len(np.unique(reference.velocities)) < 2:
        return {}
    matches = np.array(match_notes(reference.table(), estimate.table()), int)
    true, found = matches.reshape(-1, 2).T
    velocities = reference.velocities - reference.velocities.min()
    wanted = (velocities / velocities.max())[true]
    told = np.column_stack([estimate.velocities[found], np.ones(len(found))])
    scaled = told @ np.linalg.lstsq(told, wanted, rcond=None)[0]
    n_right = np.count_nonzero(np.abs(scaled - wanted) < TOLERANCE)
    precision, recall = n_right / max(1, len(estimate)), n_right / len(reference)
    f1 = mir_eval.util.f_measure(precision, recall)
    names = "velocity_precision", "velocity_recall", "velocity_f1"
    return dict(zip(names, (precision, recall, f1), strict=True))
