"""What is known of each bar to sections, for any model.

A vector a bar becomes a self-similarity, the self-similarity becomes segments, and
segments that resemble each other get one label. Which similarity, and how the segments
are found in it, is chosen on the training recordings, for each model by itself.
"""

from collections.abc import Iterable
from itertools import product

import numpy as np
import pandas as pd

from musaic_core.tasks.structure.scores import boundary_f1, label_f1
from musaic_core.tasks.structure.segmentation import (
    PENALTIES,
    SIMILARITIES,
    cbm,
    foote,
    label_segments,
    self_similarity,
    spectral_clustering,
)

QUANTILES = np.linspace(0.5, 0.98, 13)  # what the labels may be decided by

# How segments are found, and what of it is chosen on the training recordings.
CBM = {"bands": [7, 15, None], "penalty": ["modulo 8"], "weight": [1, 2, 4]}
SEGMENTATIONS = {
    "cbm": (cbm, CBM),
    "cbm_any_penalty": (cbm, CBM | {"penalty": [*PENALTIES], "weight": [0.25, 1, 4]}),
    "foote": (foote, {"size": [4, 6, 8], "prominence": [0.02, 0.05, 0.1, 0.2, 0.4]}),
    "spectral": (spectral_clustering, {"n_types": [2, 3, 4, 5, 6, 7, 8]}),
}


class SectionDecoder:
    """What is known of each bar to sections; tuned on pieces whose sections are known.

    Parameters
    ----------
    segmentation : str
        A key of `SEGMENTATIONS`. Until tuned, its function's defaults are used.
    """

    def __init__(self, segmentation: str = "cbm"):
        self._segment, self._grid = SEGMENTATIONS[segmentation]
        self._similarity, self._options, self._quantile = "cosine", {}, 0.9

    def fit(self, examples: list[tuple]) -> "SectionDecoder":
        """Choose similarity and options by the boundaries, then the labels' threshold.

        Boundaries are chosen by the mean of their F-measures at 0.5 and 3 s, labels by
        the mean of pairwise and NCE F-measures. Of equals, the first in the grid wins.

        Parameters
        ----------
        examples : list of (X (B, D), bars (B + 1,), duration, sections)
            What is known of the bars of a piece, when they begin, and its sections.

        Returns
        -------
        SectionDecoder
            Itself.
        """
        if not examples:
            return self
        choices = [
            (kind, dict(zip(self._grid, values, strict=True)))
            for kind in SIMILARITIES
            for values in product(*self._grid.values())
        ]
        similarities = {
            kind: [self_similarity(X, kind) for X, *_ in examples]
            for kind in SIMILARITIES
        }

        def boundary_score(choice):
            kind, options = choice
            scores = []
            for similarity, (_, bars, duration, reference) in zip(
                similarities[kind], examples, strict=True
            ):
                boundaries = self._segment(similarity, **options)
                sections = make_sections(bars, boundaries, boundaries[1:], duration)
                scores += boundary_f1(reference, sections)
            return np.mean(scores)

        self._similarity, self._options = max(choices, key=boundary_score)

        similarities = similarities[self._similarity]
        segmented = [self._segment(s, **self._options) for s in similarities]

        def label_score(quantile):
            scores = []
            for similarity, boundaries, (_, bars, duration, reference) in zip(
                similarities, segmented, examples, strict=True
            ):
                labels = label_segments(similarity, boundaries, quantile)
                sections = make_sections(bars, boundaries, labels, duration)
                scores += label_f1(reference, sections)
            return np.mean(scores)

        self._quantile = max(QUANTILES, key=label_score)
        return self

    def decode(
        self, X: np.ndarray, known: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Find segments of bars that belong together.

        Parameters
        ----------
        X : ndarray, shape (B, D)
            What is known of each bar.
        known : ndarray of int, shape (B + 1,), optional
            Where a segment is known to begin, and where none does, as `cbm` takes it.
            Where nothing is known, what would be found without it is held: what lies
            between two of its boundaries is found anew only if it contradicts.

        Returns
        -------
        similarity : ndarray, shape (B, B)
            Of the bars to each other.
        boundaries : ndarray of int, shape (segments + 1,)
            Bars at which segments begin, and B.
        labels : list of str
            One a segment.
        """
        similarity = self_similarity(X, self._similarity)
        boundaries = self._segment(similarity, **self._options)
        if known is not None and known.any():
            held, said = boundaries[known[boundaries] == 0], known
            known = said.copy()
            known[held] = said.max() + 1 + np.arange(len(held))
            boundaries = self._segment(similarity, **self._options, known=known)
        return (
            similarity,
            boundaries,
            label_segments(similarity, boundaries, self._quantile),
        )


def make_sections(
    bars: np.ndarray, boundaries: np.ndarray, labels: Iterable, duration: float
) -> pd.DataFrame:
    """Sections from the start to the end of a recording.

    Parameters
    ----------
    bars : ndarray, shape (B + 1,)
        Times, s.
    boundaries : ndarray of int, shape (n + 1,)
        Bars at which sections begin, and B.
    labels : iterable, n
    duration : float
        Of the recording, s.

    Returns
    -------
    DataFrame
        ``start`` (s), ``end`` (s), ``label``.
    """
    times = np.asarray(bars, dtype=float)[np.asarray(boundaries)]
    times[0], times[-1] = 0, duration
    labels = [str(label) for label in labels]
    return pd.DataFrame({"start": times[:-1], "end": times[1:], "label": labels})
