"""How good estimated notes are: the scores of mir_eval."""

import warnings

import mir_eval
import numpy as np

from musaic_core.data.notes import Notes


def transcription_scores(
    reference: Notes, estimate: Notes, duration: float
) -> dict[str, float]:
    """Score notes as mir_eval does (Bay, Ehmann and Downie 2009; Raffel et al. 2014).

    Parameters
    ----------
    reference, estimate : Notes
    duration : float
        Of the recording, s.

    Returns
    -------
    dict of str to float
        ``onset_`` and ``note_`` precision, recall and f1, ``frame_`` and
        ``chroma_`` precision, recall and accuracy. The latter two are of the pitches
        that mir_eval compares, of 20 to 5000 Hz.
    """
    scores = {}
    for name, offset_ratio in (("onset", None), ("note", 0.2)):
        values = note_scores(reference, estimate, offset_ratio)
        for metric, value in zip(("precision", "recall", "f1"), values, strict=True):
            scores[f"{name}_{metric}"] = value
    times = np.arange(0, duration, 0.05)
    with warnings.catch_warnings(action="ignore"):  # of empty estimates
        frames = mir_eval.multipitch.metrics(
            times, _sounding(reference, times), times, _sounding(estimate, times)
        )
    metrics = ("precision", "recall", "accuracy")
    for name, values in (("frame", frames[:3]), ("chroma", frames[7:10])):
        for metric, value in zip(metrics, values, strict=True):
            scores[f"{name}_{metric}"] = float(value)
    return scores


def note_scores(reference, estimate, offset_ratio):
    """Precision, recall and F-measure of the notes.

    Parameters
    ----------
    reference, estimate : Notes
    offset_ratio : float or None
        How far an offset may be off, as a share of the note; None: onsets alone count.

    Returns
    -------
    tuple of float
    """
    with warnings.catch_warnings(action="ignore"):  # of empty estimates
        return mir_eval.transcription.precision_recall_f1_overlap(
            reference.intervals,
            reference.hz,
            estimate.intervals,
            estimate.hz,
            offset_ratio=offset_ratio,
        )[:3]


def _sounding(notes, times):
    """Frequencies that sound at each time, as mir_eval.multipitch takes them."""
    limits = mir_eval.multipitch.MIN_FREQ, mir_eval.multipitch.MAX_FREQ
    taken = (limits[0] <= notes.hz) & (notes.hz <= limits[1])
    intervals, hz = notes.intervals[taken], notes.hz[taken]
    active = (intervals[:, :1] <= times) & (times < intervals[:, 1:])
    return [hz[frame] for frame in active.T]
