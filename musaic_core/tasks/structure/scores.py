"""How good estimated sections are: the scores of mir_eval."""

import warnings

import mir_eval
import numpy as np
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
    return [pairwise_f1(*intervals), mir_eval.segment.nce(*intervals)[2]]


def pairwise_f1(
    true: np.ndarray, true_labels: list, found: np.ndarray, found_labels: list
) -> float:
    """F-measure of the pairs of frames that have the same label.

    It is mir_eval's, counted by label: its matrices of all pairs of an hour's frames
    take gigabytes.

    Parameters
    ----------
    true : ndarray, shape (n, 2)
        Start and end (s) of each section of the reference.
    true_labels : list of str
    found : ndarray, shape (m, 2)
        Of the estimate, from 0 to the same time.
    found_labels : list of str

    Returns
    -------
    float

    References
    ----------
    Levy and Sandler, "Structural segmentation of musical audio by constrained
    clustering", IEEE Transactions on Audio, Speech, and Language Processing 16 (2),
    2008.
    """
    frames = [
        mir_eval.util.index_labels(
            mir_eval.util.intervals_to_samples(sections, labels)[1]
        )[0]
        for sections, labels in ((true, true_labels), (found, found_labels))
    ]
    together = pd.crosstab(*map(np.array, frames)).to_numpy()

    def pairs(counts):
        return (np.square(counts).sum() - together.sum()) / 2

    matches = pairs(together)
    with np.errstate(
        divide="ignore", invalid="ignore"
    ):  # where no two frames are alike
        precision = matches / pairs(together.sum(0))
        recall = matches / pairs(together.sum(1))
    return mir_eval.util.f_measure(precision, recall)


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
