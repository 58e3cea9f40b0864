"""How good estimated notes are: the scores of mir_eval."""

import warnings

import mir_eval
import numpy as np

from musaic_core.data.f0 import F0
from musaic_core.data.matching import match_notes
from musaic_core.data.notes import Notes

# what mir_eval.multipitch says of frames, and then of their chroma, in its order
FRAME_METRICS = (
    *("precision", "recall", "accuracy"),
    *("substitution", "miss", "false_alarm", "total"),
)


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
        ``onset_`` and ``note_`` precision, recall and f1; ``frame_`` and ``chroma_``
        precision, recall, accuracy, and the errors, beside the number of pitches that
        sound: substitution, miss, false_alarm and their total. The latter two are of
        the pitches that mir_eval compares, of 20 to 5000 Hz.
    """
    scores = {}
    for name, offset_ratio in (("onset", None), ("note", 0.2)):
        values = note_scores(reference, estimate, offset_ratio)
        for metric, value in zip(("precision", "recall", "f1"), values, strict=True):
            scores[f"{name}_{metric}"] = value
    times = np.arange(0, duration, 0.05)
    return scores | _frame_scores(times, _sounding(reference, times), estimate)


def f0_scores(reference: F0, estimate: Notes) -> dict[str, float]:
    """Score notes by the fundamental frequencies that sound, frame by frame.

    Parameters
    ----------
    reference : F0
        Whose frames are compared.
    estimate : Notes
        Right where a pitch is within a quarter tone of a frequency.

    Returns
    -------
    dict of str to float
        ``frame_`` and ``chroma_``, as in `transcription_scores`.
    """
    limits = mir_eval.multipitch.MIN_FREQ, mir_eval.multipitch.MAX_FREQ
    sounding = [hz[(limits[0] <= hz) & (hz <= limits[1])] for hz in reference.hz]
    return _frame_scores(reference.times, sounding, estimate)


def _frame_scores(times, sounding, estimate):
    with warnings.catch_warnings(action="ignore"):  # of empty estimates
        frames = mir_eval.multipitch.metrics(
            times, sounding, times, _sounding(estimate, times)
        )
    names = [f"{of}_{metric}" for of in ("frame", "chroma") for metric in FRAME_METRICS]
    return dict(zip(names, map(float, frames), strict=True))


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
    if not len(reference) or not len(estimate):
        return 0.0, 0.0, 0.0
    matches = match_notes(reference.table(), estimate.table(), offset_ratio)
    precision, recall = len(matches) / len(estimate), len(matches) / len(reference)
    return precision, recall, mir_eval.util.f_measure(precision, recall)


def _sounding(notes, times):
    """Frequencies that sound at each time, as mir_eval.multipitch takes them."""
    limits = mir_eval.multipitch.MIN_FREQ, mir_eval.multipitch.MAX_FREQ
    taken = (limits[0] <= notes.hz) & (notes.hz <= limits[1])
    intervals, hz, frames = notes.intervals[taken], notes.hz[taken], []
    for part in np.array_split(times, len(times) // 1000 + 1):  # for memory
        active = (intervals[:, :1] <= part) & (part < intervals[:, 1:])
        frames += [hz[frame] for frame in active.T]
    return frames
