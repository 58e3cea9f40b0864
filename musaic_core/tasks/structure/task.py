"""Music structure analysis: bars in, sections out, for any factorization.

A recording is cut into bars. What a model makes of each bar becomes a self-similarity,
the self-similarity becomes segments, and segments that resemble each other get one
label. Which similarity, and how the segments are found in it, is chosen on the training
recordings, for each model by itself.
"""

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

import librosa
import mir_eval
import numpy as np
import pandas as pd

from musaic_core.data.track import InputError, Track
from musaic_core.tasks.bars import fold_bars
from musaic_core.tasks.base import Estimate, Task
from musaic_core.tasks.structure.segmentation import (
    PENALTIES,
    SIMILARITIES,
    cbm,
    foote,
    label_segments,
    self_similarity,
    spectral_clustering,
)

SAMPLE_RATE = 22050  # Hz
WINDOW = 2048  # samples under one spectrum, 93 ms
HOP = 512  # samples between two spectra, 23 ms
FRAME = HOP / SAMPLE_RATE  # s
BEATS_IN_BAR = 4  # where the corpus has no downbeats
QUANTILES = np.linspace(0.5, 0.98, 13)  # what the labels may be decided by

# How segments are found, and what of it is chosen on the training recordings.
CBM = {"bands": [7, 15, None], "penalty": ["modulo 8"], "weight": [1, 2, 4]}
SEGMENTATIONS = {
    "cbm": (cbm, CBM),
    "cbm_any_penalty": (cbm, CBM | {"penalty": [*PENALTIES], "weight": [0.25, 1, 4]}),
    "foote": (foote, {"size": [4, 6, 8], "prominence": [0.02, 0.05, 0.1, 0.2, 0.4]}),
    "spectral": (spectral_clustering, {"n_types": [2, 3, 4, 5, 6, 7, 8]}),
}


@dataclass
class Segmentation(Estimate):
    """Sections, and what they were found in.

    Parameters
    ----------
    bars : ndarray, shape (B + 1,)
        Times at which bars begin, s, and at which the last one ends.
    similarity : ndarray, shape (B, B)
        Of the bars to each other.
    """

    bars: np.ndarray | None = None
    similarity: np.ndarray | None = None


class Structure(Task):
    """The recordings to cut into sections, and what may be learned for it.

    Parameters
    ----------
    train, test : iterable of Track
        Recordings that the decoder is tuned on, and that are scored.
    feature : str
        A key of `FEATURES`.
    segmentation : str
        A key of `SEGMENTATIONS`.
    """

    dictionary = None  # there is nothing to learn one from
    third_mode = "bar"

    def __init__(
        self,
        train: Iterable[Track],
        test: Iterable[Track],
        feature: str = "nn_log_mel",
        segmentation: str = "cbm",
    ):
        super().__init__(train, test, asks_for="sections")
        self.feature = feature
        self.segmentation = segmentation

    @property
    def modes(self) -> tuple[int, ...]:
        """How many modes the V of a factorization may have; none if it is negative."""
        return () if self.feature in NEGATIVE else (2, 3)

    def bars(self, track: Track) -> np.ndarray:
        """Times at which bars begin, s, and at which the last one ends, (B + 1,).

        The corpus's own downbeats where it has them; else every fourth of the beats
        that librosa hears, from the one of the first four that makes the strongest
        onsets. Bars of the median length fill what is before and after.

        Raises
        ------
        InputError
            There are less than two bars.
        """
        duration = track.duration
        downbeats = track.downbeats
        if downbeats is None:
            downbeats = _hear_downbeats(_mono(track))
        if len(downbeats) > 1:
            length = np.median(np.diff(downbeats))
            # an upbeat of less than half a bar belongs to the first bar's section
            n_before = round(downbeats[0] / length)
            n_after = round((duration - downbeats[-1]) / length)
            before = downbeats[0] - length * np.arange(n_before, 0, -1)
            after = downbeats[-1] + length * np.arange(1, n_after + 1)
            bars = np.concatenate([before, downbeats, after]).clip(0, duration)
            if len(bars) > 2:
                return bars
        raise InputError(
            f"{track.files[0]}: {duration:.2f} s are too short to find sections in; "
            "two bars are the least, and their beats must be heard"
        )

    def represent(self, track: Track, modes: int = 2) -> np.ndarray:
        """The bars of a track, float32.

        Parameters
        ----------
        track : Track
        modes : {2, 3}
            2: frequency and time in bar × bar, (F · 96, B), the barwise time-frequency
            matrix. 3: frequency × time in bar × bar, (F, 96, B).
        """
        return _with_modes(self._fold(track, self.bars(track)), modes)

    def _fold(self, track, bars):
        return fold_bars(FEATURES[self.feature](_mono(track)), FRAME, bars)

    @cached_property
    def examples(self) -> list[tuple]:
        """Tensor, bars, duration and sections of each training recording with them."""

        def read(track):
            if track.sections is None:
                return Estimate()
            bars = self.bars(track)
            V = self._fold(track, bars)
            return Estimate((V, bars, track.duration, track.sections))

        estimates = self.each(self.train, read).values()
        return [e.answer for e in estimates if e.answer is not None]

    def prepare(self, modes: int = 2) -> None:
        """Read the recordings that every model's decoder is tuned on."""
        _ = self.examples

    def factorize(
        self, model: Callable, supervised: bool, modes: int = 2
    ) -> dict[str, Estimate]:
        """Cut the test recordings into sections by a low-rank model's bar factor.

        Parameters
        ----------
        model : callable
            ``model(V, templates)`` factorizes what `represent` gives; ``templates``
            is None, as there is no dictionary.
        supervised : bool
            Not used.
        modes : {2, 3}
            Of V.

        Returns
        -------
        dict of str to Estimate
            Sections by track id.
        """

        def describe(V):
            factorization = model(V, None)
            return bar_factor(factorization, V.shape[-1]), factorization

        return self._analyse(describe, modes)

    def analyse(self, describe: Callable) -> dict[str, Estimate]:
        """Cut the test recordings into sections by any description of their bars.

        Parameters
        ----------
        describe : callable
            Takes the barwise matrix of `represent`, (D, B); gives (B, anything).

        Returns
        -------
        dict of str to Estimate
            Sections by track id.
        """
        return self._analyse(lambda V: (describe(V), None), 2)

    def _analyse(self, describe, modes):
        def segment(track):
            bars = self.bars(track)
            V = _with_modes(self._fold(track, bars), modes)
            X, factorization = describe(V)
            similarity, boundaries, labels = decoder.decode(X)
            return Segmentation(
                make_sections(bars, boundaries, labels, track.duration),
                factorization,
                n_parameters=getattr(factorization, "n_parameters", 0),
                bars=bars,
                similarity=similarity,
            )

        examples = [
            (describe(_with_modes(V, modes))[0], *known) for V, *known in self.examples
        ]
        decoder = SectionDecoder(self.segmentation).fit(examples)
        return self.each(self.test, segment)


def _with_modes(V, modes):
    """A tensor as it is, or with frequency and time in bar as one mode."""
    return V if modes == 3 else np.ascontiguousarray(V.reshape(-1, V.shape[2]))


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

    def decode(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Self-similarity (B, B), bars at which segments begin and B, and labels."""
        similarity = self_similarity(X, self._similarity)
        boundaries = self._segment(similarity, **self._options)
        return (
            similarity,
            boundaries,
            label_segments(similarity, boundaries, self._quantile),
        )


def bar_factor(factorization, n_bars: int) -> np.ndarray:
    """How much of each pattern each bar has, (B, R).

    The factor of the bar mode where there is one, else the activations of each bar.
    A pattern is what a column multiplies: a template, a template in time, or the
    slice of an NTD's core with its factors. Columns are in units of their pattern's
    norm, so that a model's scale does not count.

    Parameters
    ----------
    factorization : NMF, NCP, NTD or other
        Of what `Structure.represent` gives.
    n_bars : int
    """
    factors = [np.asarray(factor) for factor in getattr(factorization, "factors", ())]
    if len(factors) == 3 and len(factors[2]) == n_bars:
        W, H, Q = factors
        if hasattr(factorization, "core"):
            core = np.asarray(factorization.core)
            gram = np.einsum("ip,jq,pqk->ijk", W.T @ W, H.T @ H, core, optimize=True)
            return Q * np.sqrt(np.einsum("ijk,ijk->k", core, gram))
        W = np.asarray(factorization.templates)  # weights included
        return Q * np.linalg.norm(W, axis=0) * np.linalg.norm(H, axis=0)
    norms = np.linalg.norm(np.asarray(factorization.templates), axis=0)
    activations = np.asarray(factorization.activations) * norms[:, None]
    return activations.reshape(len(norms), -1, n_bars).reshape(-1, n_bars).T


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


def _intervals(reference, estimate):
    """Intervals and labels of both, from 0 to the reference's end, as mir_eval asks."""
    end = reference["end"].max()
    adjusted = []
    for sections in (reference, estimate):
        intervals = sections[["start", "end"]].to_numpy(dtype=float)
        labels = sections["label"].astype(str).tolist()
        adjusted += mir_eval.util.adjust_intervals(intervals, labels, 0.0, end)
    return adjusted


def _detection(true, found, window):
    """Precision, recall and F-measure; zeros where one has no inner boundary."""
    with warnings.catch_warnings(action="ignore"):  # of that
        return mir_eval.segment.detection(true, found, window, trim=True)


def boundary_f1(reference: pd.DataFrame, estimate: pd.DataFrame) -> list[float]:
    """F-measures of the boundaries at 0.5 and 3 s."""
    true, _, found, _ = _intervals(reference, estimate)
    return [_detection(true, found, window)[2] for window in (0.5, 3)]


def label_f1(reference: pd.DataFrame, estimate: pd.DataFrame) -> list[float]:
    """Pairwise and NCE F-measures of the labels."""
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


def save_structure(
    estimate: Estimate, reference: pd.DataFrame | None, file: Path
) -> None:
    """Save sections, and the self-similarity that they were found in, if any.

    Parameters
    ----------
    estimate : Segmentation or Estimate
    reference : DataFrame or None
        The annotated sections.
    file : Path
        A NumPy ``.npz`` file: ``estimated`` and ``reference`` boundaries (s, the last
        end included) with ``estimated_labels`` and ``reference_labels``; ``bars`` (s)
        and their ``similarity``, as integers from 0 (the least) to 255.
    """
    arrays = {}
    for name, sections in (("estimated", estimate.answer), ("reference", reference)):
        if sections is not None:
            arrays[name] = [*sections["start"], sections["end"].iloc[-1]]
            arrays[f"{name}_labels"] = sections["label"].astype(str).to_list()
    similarity = getattr(estimate, "similarity", None)
    if similarity is not None:
        low, high = similarity.min(), similarity.max()
        scaled = 255 * (similarity - low) / ((high - low) or 1)
        arrays |= {"similarity": scaled.round().astype(np.uint8), "bars": estimate.bars}
    np.savez_compressed(file, **arrays)


def section_patterns(factorization, bars: np.ndarray, sections: pd.DataFrame):
    """What an NTD's core says of each section: which spectra sound in which rhythms.

    A slice of the core is a pattern: how much of each template (F, R₁) each template
    in time (96, R₂) has. A section has the mean of the patterns of its bars.

    Parameters
    ----------
    factorization : NTD
        Of a tensor frequency × time in bar × bar.
    bars : ndarray, shape (B + 1,)
        Times, s.
    sections : DataFrame
        ``start`` (s), ``end`` (s), ``label``.

    Returns
    -------
    ndarray, shape (sections, R₁, R₂)
        In units of the factors' norms. Templates are in the order of their mean
        frequency, templates in time in that of their mean time.
    """
    W, H, Q = (np.asarray(factor) for factor in factorization.factors)
    norms = np.outer(np.linalg.norm(W, axis=0), np.linalg.norm(H, axis=0))
    core = np.asarray(factorization.core) * norms[..., None]
    middles = (bars[:-1] + bars[1:]) / 2
    inside = (sections["start"].to_numpy()[:, None] <= middles) & (
        middles < sections["end"].to_numpy()[:, None]
    )
    means = inside @ Q / np.maximum(inside.sum(1, keepdims=True), 1)
    patterns = np.einsum("pqk,sk->spq", core, means)
    return patterns[:, _by_centre(W)][:, :, _by_centre(H)]


def _by_centre(factor):
    """Order of the columns by where their weight lies."""
    rows = np.arange(len(factor))
    return np.argsort(rows @ factor / np.maximum(factor.sum(0), 1e-12), kind="stable")


def save_patterns(estimate: Segmentation, file: Path) -> None:
    """Save `section_patterns` of an estimate, with its sections' starts and labels."""
    sections = estimate.answer
    patterns = section_patterns(estimate.factorization, estimate.bars, sections)
    np.savez_compressed(
        file,
        patterns=(patterns / (patterns.max() or 1)).astype(np.float16),
        starts=sections["start"],
        labels=sections["label"].to_list(),
    )


def _mono(track):
    """The recording at `SAMPLE_RATE`, of root mean square 1: gain does not count."""
    y, sr = track.audio()
    y = librosa.resample(y.mean(0), orig_sr=sr, target_sr=SAMPLE_RATE)
    return y / (np.sqrt(np.mean(y**2)) or 1)


def _hear_downbeats(y):
    if len(y) < SAMPLE_RATE:  # too little to hear a tempo in
        return np.zeros(0)
    strength = librosa.onset.onset_strength(y=y, sr=SAMPLE_RATE, hop_length=HOP)
    _, beats = librosa.beat.beat_track(
        onset_envelope=strength, sr=SAMPLE_RATE, hop_length=HOP
    )
    if len(beats) < BEATS_IN_BAR:
        return np.zeros(0)
    phases = [strength[beats[k::BEATS_IN_BAR]].mean() for k in range(BEATS_IN_BAR)]
    return beats[int(np.argmax(phases)) :: BEATS_IN_BAR] * FRAME


def _stft(y):
    return np.abs(librosa.stft(y, n_fft=WINDOW, hop_length=HOP))


def _mel(y):
    return librosa.feature.melspectrogram(
        S=_stft(y) ** 2, sr=SAMPLE_RATE, n_mels=80, fmin=30
    )


def _log_mel(y):
    return librosa.power_to_db(_mel(y))


def _cqt(y):
    return np.abs(librosa.cqt(y, sr=SAMPLE_RATE, hop_length=HOP))


# Of audio of root mean square 1, (F, T), as Marmoret et al. 2020 and 2023 compare them.
FEATURES = {
    "nn_log_mel": lambda y: np.log1p(1e4 * _mel(y)),  # 0 some 50 dB below the median
    "log_mel": _log_mel,
    "stft": _stft,
    "cqt": _cqt,
    "chroma": lambda y: librosa.feature.chroma_cqt(C=_cqt(y), sr=SAMPLE_RATE),
    "mfcc": lambda y: librosa.feature.mfcc(S=_log_mel(y), n_mfcc=32),
}
NEGATIVE = {"log_mel", "mfcc"}  # have negative entries: not for factorizations
