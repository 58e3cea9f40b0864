"""How good estimated sections are: the scores of mir_eval."""

import warnings

import mir_eval
import pandas as pd


def _intervals(reference, estimate):
    """Intervals and labels of both, of the same stretch, as mir_eval asks.

    It is the annotated stretch, as far as the estimate goes: what is before and after
    has no reference, and where both begin and end is no boundary that either found.
    """
    start = reference["start"].min()
    end = min(reference["end"].max(), estimate["end"].max())
    adjusted = []
    for sections in (reference, estimate):
        intervals = sections[["start", "end"]].to_numpy(dtype=float) - start
        labels = sections["label"].astype(str).tolist()
        adjusted += mir_eval.util.adjust_intervals(intervals, labels, 0.0, end - start)
    return adjusted


def _detection(true, found, window):
    """Precision, recall and F-measure; zeros where one has no inner boundary."""
    with warnings.catch_warnings(action="ignore"):  # of that
        return mir_eval.segment.detection(true, found, window, trim=True)


def boundary_f1(reference: pd.DataFrame, estimate: pd.DataFrame) -> list[float]:
    """F-measures of the boundaries.

    Parameters
    ----------
    reference, estimate : DataFrame
        ``start`` (s), ``end`` (s), ``label``.

    Returns
    -------
    list of float
        At 0.5 s and at 3 s.
    """
    true, _, found, _ = _intervals(reference, estimate)
    return [_detection(true, found, window)[2] for window in (0.5, 3)]


def label_f1(reference: pd.DataFrame, estimate: pd.DataFrame) -> list[float]:
    """F-measures of the labels.

    Parameters
    ----------
    reference, estimate : DataFrame
        ``start`` (s), ``end`` (s), ``label``.

    Returns
    -------
    list of float
        By pairs of frames, and by normalised conditional entropies.
    """
    intervals = _intervals(reference, estimate)
    return [
        mir_eval.segment.pairwise(*intervals)[2],
        mir_eval.segment.nce(*intervals)[2],
    ]


def structure_scores(
    reference: pd.DataFrame, estimate: pd.DataFrame
) -> dict[str, float]:
    """Score sections as mir_eval does; the first and last boundary do not count.

    Parameters
    ----------
    reference, estimate : DataFrame
        ``start`` (s), ``end`` (s), ``label``.

    Returns
    -------
    dict of str to float
        ``boundary_precision``, ``_recall`` and ``_f1`` at 0.5 s (``_05``) and 3 s
        (``_3``); ``pairwise_f1`` (Levy and Sandler 2008) and ``nce_f1`` (Lukashevich
        2008) of the labels.
    """
    true, _, found, _ = _intervals(reference, estimate)
    scores = {}
    for name, window in (("05", 0.5), ("3", 3)):
        values = _detection(true, found, window)
        for metric, value in zip(("precision", "recall", "f1"), values, strict=True):
            scores[f"boundary_{metric}_{name}"] = float(value)
    pairwise, nce = label_f1(reference, estimate)
    return scores | {"pairwise_f1": float(pairwise), "nce_f1": float(nce)}
