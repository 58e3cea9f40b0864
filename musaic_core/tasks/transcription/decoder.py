"""Salience to notes, for any model.

The *salience* of a pitch over time is how strongly it sounds. Where it rises, a note
may start: a logistic regression decides, from how steep and how loud the rise is beside
the other pitches; and, where a model has an opinion of its own on where notes start,
from that. The note lasts until its salience has decayed. Regression and decay are
fitted on training recordings, for each model by itself and in units of each recording's
own loudness, so no model is favoured by its scale.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import maximum_filter1d
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from musaic_core.data.matching import match_notes
from musaic_core.data.notes import Notes
from musaic_core.tasks.transcription.scores import note_scores
from musaic_core.tasks.transcription.spectrogram import FRAME, PITCHES

LAG = 2  # frames that a rise is measured over
EVEN = 0.01  # F-measures that differ by less are taken for even


@dataclass
class Salience:
    """How strongly each pitch sounds in each frame: what notes are decoded from.

    Parameters
    ----------
    level : ndarray, shape (88, T)
        Of any scale.
    onset : ndarray, shape (88, T), optional
        Probability that a note starts there, for models that have one. Notes are then
        looked for at its maxima, and not where the level rises.
    factors : Model, optional
        What it was read from, for figures: activations in time, labels.
    """

    level: np.ndarray
    onset: np.ndarray | None = None
    factors: Any = None


class NoteDecoder:
    """Salience to notes; fitted on recordings whose notes are known."""

    def fit(self, examples: list[tuple[Salience, Notes]]) -> "NoteDecoder":
        """Fit which rises are onsets, and how far a note decays before it ends.

        Parameters
        ----------
        examples : list of (Salience, Notes)

        Returns
        -------
        NoteDecoder
            Itself.
        """
        self._threshold, self._decay = 1.0, 0.1
        if not examples:
            return self
        rises = [find_rises(heard) for heard, _ in examples]
        features = np.concatenate([r.features for r in rises])
        is_onset = np.concatenate(
            [_matches(r, notes) for r, (_, notes) in zip(rises, examples, strict=True)]
        )
        self._classifier = make_pipeline(
            StandardScaler(),
            PolynomialFeatures(2),
            LogisticRegression(C=0.1, max_iter=1000),
        )
        if not is_onset.any() or is_onset.all():  # the model hears nothing of it
            return self
        self._classifier.fit(features, is_onset)
        sure = [self._sureness(r) for r in rises]

        def onset_f1(threshold, notes, rises, sure):
            onsets = rises.of(sure > threshold)
            right = _matches(onsets, notes).sum()
            return 2 * right / max(1, len(onsets.keys) + len(notes))

        thresholds = np.linspace(0.1, 0.9, 9)
        known = [(n, r, s) for (_, n), r, s in zip(examples, rises, sure, strict=True)]
        scores = [[onset_f1(t, *example) for example in known] for t in thresholds]
        scores = np.mean(scores, 1)
        # which of many that are as good is the best is chance: the middle of them
        self._threshold = thresholds[scores > scores.max() - EVEN].mean()

        decays = np.geomspace(0.02, 0.5, 6)
        scores = [
            [
                note_scores(notes, traced, 0.2)[2]
                for traced in trace(heard, r.of(s > self._threshold), decays)
            ]
            for (heard, notes), r, s in zip(examples, rises, sure, strict=True)
        ]
        self._decay = decays[np.argmax(np.mean(scores, 0))]
        return self

    def decode(self, heard: Salience) -> Notes:
        """Decide which notes a salience tells of.

        Parameters
        ----------
        heard : Salience

        Returns
        -------
        notes : Notes
            Their velocities are read from how loud they are.
        """
        rises = find_rises(heard)
        if self._threshold == 1.0:  # it was fitted on nothing that the model hears
            return no_notes()
        onsets = rises.of(self._sureness(rises) > self._threshold)
        return trace(heard, onsets, np.array([self._decay]))[0]

    def _sureness(self, rises):
        """Probability that each rise is an onset."""
        if len(rises.keys) == 0:
            return np.zeros(0)
        return self._classifier.predict_proba(rises.features)[:, 1]


@dataclass
class Rises:
    """Where a pitch's salience rises most, or its onset is likeliest, in some 150 ms.

    Parameters
    ----------
    keys, frames : ndarray of int, shape (n,)
        Row and column of the salience.
    times : ndarray, shape (n,)
        When the notes would begin, s.
    features : ndarray, shape (n, 9)
        What the decoder decides by.
    loudness : float
        The salience that counts as loud in this recording.
    """

    keys: np.ndarray
    frames: np.ndarray
    times: np.ndarray
    features: np.ndarray
    loudness: float

    def of(self, chosen: np.ndarray) -> "Rises":
        """Choose some of them.

        Parameters
        ----------
        chosen : ndarray
            A mask (n,), or indices.

        Returns
        -------
        Rises
        """
        columns = self.keys, self.frames, self.times, self.features
        return Rises(*(column[chosen] for column in columns), self.loudness)


def trace(heard: Salience, onsets: Rises, decays: np.ndarray) -> list[Notes]:
    """Follow notes from their onsets until their salience has decayed.

    Parameters
    ----------
    heard : Salience
    onsets : Rises
        Those that notes start at.
    decays : ndarray
        Shares of a note's peak that it may end at.

    Returns
    -------
    list of Notes
        One for each of `decays`.
    """
    level = heard.level
    onsets = onsets.of(np.lexsort((onsets.frames, onsets.keys)))
    is_last = np.append(onsets.keys[1:] != onsets.keys[:-1], True)
    ends = np.where(is_last, level.shape[1], np.append(onsets.frames[1:], 0))
    n = len(onsets.keys)
    lengths, peaks = np.empty((len(decays), n), int), np.empty(n)
    for i in range(n):
        sound = level[onsets.keys[i], onsets.frames[i] : ends[i]]
        peak = np.maximum.accumulate(sound)
        decayed = sound < decays[:, None] * peak
        lengths[:, i] = np.where(decayed.any(1), decayed.argmax(1), len(sound))
        peaks[i] = peak[-1]
    times, pitches = onsets.times, PITCHES[onsets.keys]
    struck_again = np.where(is_last, np.inf, np.append(times[1:], np.inf))
    velocities = np.clip(127 * np.sqrt(peaks / onsets.loudness), 1, 127).astype(int)
    order = np.lexsort((pitches, times))
    parts = np.full(n, "estimate")
    return [
        Notes(
            np.stack([times, np.minimum(offsets, struck_again)], 1)[order],
            pitches[order],
            velocities[order],
            parts,
        )
        for offsets in times + np.maximum(1, lengths) * FRAME
    ]


def find_rises(heard: Salience) -> Rises:
    """Find where notes may start.

    Parameters
    ----------
    heard : Salience

    Returns
    -------
    Rises
    """
    loudest = heard.level.max(0)
    loudness = float(np.quantile(loudest, 0.95) or loudest.max()) or 1.0
    level = heard.level / loudness
    before = np.pad(level, ((0, 0), (LAG, 0)))[:, : level.shape[1]]
    if heard.onset is None:
        # what is steepest at a frame began half the lag before it
        rise, began = np.maximum(level - before, 0), LAG / 2
    else:
        rise, began = heard.onset, 0
    reached = maximum_filter1d(level, 9, axis=1, origin=-4)  # in the next 0.2 s
    around = np.pad(maximum_filter1d(level, 9, axis=1), ((48, 48), (0, 0)))
    loudest_pitch = maximum_filter1d(level.max(0), 9)
    steepest_pitch = maximum_filter1d(rise.max(0), 5)
    earlier = np.pad(rise, ((0, 0), (1, 0)))[:, :-1]
    is_peak = (rise == maximum_filter1d(rise, 7, axis=1)) & (rise > earlier)
    key, frame = np.nonzero(is_peak & (rise > 0.01))
    peak = _between_frames(rise, key, frame)

    def loudest(pitches_away):
        """Level of the loudest of the pitches so many semitones below."""
        return np.max([around[key + 48 - away, frame] for away in pitches_away], axis=0)

    rise, reached = rise[key, frame], reached[key, frame]
    log = lambda x: np.log(x + 1e-3)  # noqa: E731
    features = [
        log(rise),
        log(reached),
        log(reached) - log(before[key, frame]),
        log(reached) - log(loudest_pitch[frame]),
        log(rise) - log(steepest_pitch[frame]),
        # a partial of a lower note, or a note whose partials are heard as others
        log(reached) - log(loudest([12, 19, 24, 28, 31, 34, 36])),
        log(reached) - log(loudest([-12, -19, -24])),
        log(reached) - log(loudest([-1, 1])),
        key / 20,
    ]
    times = np.maximum(0.0, (peak - began) * FRAME)
    return Rises(key, frame, times, np.stack(features, axis=1), loudness)


def _between_frames(rise, key, frame):
    """Where each maximum is, in frames: that of the parabola through it."""
    before, at, after = np.pad(rise, ((0, 0), (1, 1)))[
        key, np.add(frame, [[0], [1], [2]])
    ]
    curvature = np.maximum(2 * at - before - after, 1e-9)
    return frame + (after - before) / 2 / curvature


def _matches(rises, notes):
    """Which rises are onsets of the notes, each note matched once."""
    found = np.zeros(len(rises.keys), dtype=bool)
    heard = np.column_stack([rises.times, rises.times + 0.1, PITCHES[rises.keys]])
    found[[estimate for _, estimate in match_notes(notes.table(), heard)]] = True
    return found


def no_notes() -> Notes:
    """Make an empty transcription.

    Returns
    -------
    notes : Notes
    """
    return Notes.from_rows([])
