"""Automatic music transcription: spectra in, notes out, for any factorization.

Activations become notes in three steps. The *salience* of a pitch over time is the
sum of its templates' activations, so one decoder serves every model. Where salience
rises, a note may start: a logistic regression decides, from how steep and how loud
the rise is beside the other pitches. The note lasts until its salience has decayed.
Regression and decay are fitted on the training recordings, for each model by itself
and in units of each recording's own loudness, so no model is favoured by its scale.

Tensor models see a recording folded into bars, frequency × time in bar × bar; their
activations, laid out in time again, go the same way. The bars come from the audio, as
all else does: the annotated downbeats of a recording would tell where its onsets are.
"""

import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise

import librosa
import mir_eval
import numpy as np
from scipy.ndimage import maximum_filter1d
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from musaic_core.data.notes import Notes
from musaic_core.data.track import InputError, Track
from musaic_core.lowrank.models import NMF
from musaic_core.tasks.bars import fold_bars
from musaic_core.tasks.base import Estimate, Task

SAMPLE_RATE = 22050  # Hz
WINDOW = 4096  # samples under one spectrum, 186 ms
HOP = 512  # samples between two spectra, 23 ms
FRAME = HOP / SAMPLE_RATE  # s
BANDS_PER_OCTAVE = 36
PITCHES = np.arange(21, 109)  # MIDI numbers of the piano's keys
LAG = 2  # frames that a rise is measured over
TUNING_SECONDS = 8  # amid each training recording, that the decoder is fitted on
COLOURINGS = 2  # of each training recording, by the equaliser of `_colour`
KEPT_BYTES = 500e6  # of spectrograms, at most


@dataclass
class Dictionary:
    """Spectra of notes that were heard alone.

    Parameters
    ----------
    templates : ndarray of float32, shape (F, R)
        One spectrum a column, each of sum 1.
    pitches : ndarray of int, shape (R,)
        MIDI number of each.
    """

    templates: np.ndarray
    pitches: np.ndarray


class Transcription(Task):
    """The recordings to transcribe, and what may be learned for it.

    Parameters
    ----------
    train, test, isolated : iterable of Track
        Recordings that the decoder is fitted on, that are scored, and of single
        notes for the dictionary.
    seed : int
        Of the colouring of the training recordings.
    """

    third_mode = "bar"
    modes = (2, 3)  # of the V that it has for a model

    def __init__(
        self,
        train: Iterable[Track],
        test: Iterable[Track],
        isolated: Iterable[Track] = (),
        seed: int = 0,
    ):
        super().__init__(train, test, asks_for="notes")
        self.isolated = list(isolated)
        self.seed = seed
        self._kept = {}

    @property
    def recordings(self) -> list[Track]:
        return super().recordings + self.isolated

    @cached_property
    def dictionary(self) -> Dictionary | None:
        """Attack and sustain of every isolated note, or None if there are none."""
        templates, pitches = [], []
        for track in self.isolated:
            V = self.represent(track)
            for (onset, offset), pitch in zip(
                track.notes.intervals, track.notes.pitches, strict=True
            ):
                start, attack, end = np.array([onset, onset + 0.12, offset]) / FRAME
                cuts = int(start), int(attack), max(int(end), int(attack) + 1)
                for first, last in pairwise(cuts):
                    spectrum = V[:, first:last].sum(1)
                    templates.append(spectrum / spectrum.sum())
                    pitches.append(pitch)
        if not templates:
            return None
        return Dictionary(np.stack(templates, axis=1), np.array(pitches))

    @cached_property
    def excerpts(self) -> dict[str, tuple[np.ndarray, Notes]]:
        """Spectrogram and notes of the middle of each training recording, by its id."""

        def middle(track):
            V = self.represent(track)
            length = int(TUNING_SECONDS / FRAME)
            first = max(0, (V.shape[1] - length) // 2)
            notes = track.notes.between(first * FRAME, (first + length) * FRAME)
            return Estimate((V[:, first : first + length].copy(), notes))

        read = self.each(self.train, middle)
        return {name: e.answer for name, e in read.items() if not e.error}

    def prepare(self, modes: int = 2) -> None:
        """Read what every factorization sees; have librosa compile for tensors."""
        _ = self.excerpts, self._heard
        if modes == 3:
            for V, _ in list(self.excerpts.values())[:1]:
                find_bars(V)

    @cached_property
    def _heard(self):
        """Whether the test recordings were read, as many as may be kept."""
        for track in self.test:
            with suppress(InputError):  # whose reason is told when it is transcribed
                self.represent(track)
        return True

    def represent(self, track: Track) -> np.ndarray:
        """Magnitude spectrogram, float32, (F, T), in bands of a third of a semitone.

        Below 280 Hz, where the short-time Fourier transform's own bins are wider than
        that, a band is a bin. Frames are 23 ms apart and 186 ms long. Those of the
        recordings to learn from and to score are kept, up to `KEPT_BYTES`.
        """
        if id(track) in self._kept:
            return self._kept[id(track)].copy()
        V = self._spectrogram(track)
        size = V.nbytes + sum(kept.nbytes for kept in self._kept.values())
        is_own = any(track is known for known in self.train + self.test)
        if is_own and size <= KEPT_BYTES:
            self._kept[id(track)] = V.copy()
        return V

    def _spectrogram(self, track):
        y, sr = track.audio()
        y = librosa.resample(y.mean(0), orig_sr=sr, target_sr=SAMPLE_RATE)
        if len(y) < WINDOW:
            raise InputError(
                f"{track.files[0]}: {len(y) / SAMPLE_RATE:.2f} s are too short to "
                f"transcribe; {WINDOW / SAMPLE_RATE:.2f} s is the least"
            )
        return _bands() @ np.abs(librosa.stft(y, n_fft=WINDOW, hop_length=HOP))

    def factorize(
        self, model: Callable, supervised: bool, modes: int = 2
    ) -> dict[str, Estimate]:
        """Transcribe the test recordings with a low-rank model.

        Parameters
        ----------
        model : callable
            ``model(V, templates)`` factorizes a spectrogram V (F, T); ``templates``
            is the dictionary (F, R), or None where it is not to be used.
        supervised : bool
            Whether the model's templates are, or start from, the dictionary's.
        modes : {2, 3}
            3 folds V into bars for the model, (F, time in bar, bar); see `find_bars`.

        Returns
        -------
        dict of str to Estimate
            Notes by track id.
        """
        templates = self.dictionary.templates if supervised else None
        rng = np.random.default_rng(self.seed)

        def analyse(V):
            bars = find_bars(V) if modes == 3 else None
            factorization = model(V if bars is None else _fold(V, bars), templates)
            size = factorization.n_parameters
            if bars is not None:
                factorization = _unfold(factorization, bars, V.shape[1])
            if supervised:
                pitches = self.dictionary.pitches
            else:
                pitches = estimate_pitches(factorization.templates)
            heard = salience(factorization, pitches)
            return heard, Estimate(None, factorization, pitches, size)

        def learn(track):
            V, notes = self.excerpts[track.id]
            heard = [analyse(_colour(V, rng))[0] for _ in range(COLOURINGS)]
            return Estimate([(coloured, notes) for coloured in heard])

        def transcribe(track):
            heard, estimate = analyse(self.represent(track))
            estimate.answer = decoder.decode(heard)
            return estimate

        readable = [track for track in self.train if track.id in self.excerpts]
        learned = self.each(readable, learn).values()
        examples = [pair for e in learned if not e.error for pair in e.answer]
        decoder = NoteDecoder().fit(examples)
        return self.each(self.test, transcribe)


def find_bars(V: np.ndarray) -> np.ndarray:
    """Where the bars of a recording may begin: every fourth of librosa's beats.

    Which of four beats a bar begins with, and whether it has four, is not known. For a
    model of what bars have in common it matters that they are equally placed.

    Parameters
    ----------
    V : ndarray, shape (F, T)
        Of `Transcription.represent`.

    Returns
    -------
    ndarray, shape (B + 1,)
        Times, s. They go on at the median pace before the first beat and after the
        last, so that the bars cover the recording.

    References
    ----------
    Ellis, "Beat tracking by dynamic programming", Journal of New Music Research 36 (1),
    2007. McFee et al., "librosa: Audio and music signal analysis in Python", 2015.
    """
    level = librosa.amplitude_to_db(V, ref=np.max)
    _, beats = librosa.beat.beat_track(
        onset_envelope=librosa.onset.onset_strength(S=level, sr=SAMPLE_RATE),
        sr=SAMPLE_RATE,
        hop_length=HOP,
        trim=False,
    )
    if len(beats) < 2:
        beats = np.array([0, 0.5]) / FRAME  # 120 a minute
    bar = 4 * np.median(np.diff(beats)) * FRAME
    bars = beats[::4] * FRAME
    before = np.arange(bars[0], -bar, -bar)[:0:-1]
    after = np.arange(bars[-1], V.shape[1] * FRAME + bar, bar)[1:]
    return np.concatenate([before, bars, after])


def _frames_per_bar(bars):
    """As many that they are about as long as the recording's own."""
    return max(1, round(np.median(np.diff(bars)) / FRAME))


def _fold(V, bars):
    return fold_bars(V, FRAME, bars, _frames_per_bar(bars))


def _unfold(factorization, bars, n_frames):
    """The NMF view of a model of bars, its activations (R, n_frames) in time order."""
    n, lengths = _frames_per_bar(bars), np.diff(bars)[:, None]
    centres = (bars[:-1, None] + lengths * (np.arange(n) + 0.5) / n).ravel()
    activations = np.asarray(factorization.activations)
    in_time = activations.reshape(-1, n, len(bars) - 1).swapaxes(1, 2)
    times = np.arange(n_frames) * FRAME
    rows = in_time.reshape(len(activations), -1)
    return NMF(
        np.asarray(factorization.templates),
        np.stack([np.interp(times, centres, row) for row in rows]),
    )


def salience(factorization, pitches: np.ndarray) -> np.ndarray:
    """How strongly each pitch sounds in each frame.

    Parameters
    ----------
    factorization : NMF, NCP or NTD
    pitches : ndarray of int, shape (R,)
        MIDI number of each template; 0 for one without pitch.

    Returns
    -------
    ndarray, shape (88, T)
        Summed activations, each in units of its template's magnitude.
    """
    strengths = np.asarray(factorization.templates).sum(0)
    activations = np.asarray(factorization.activations) * strengths[:, None]
    return (pitches == PITCHES[:, None]).astype(activations.dtype) @ activations


def estimate_pitches(templates: np.ndarray, least=0.5) -> np.ndarray:
    """Pitch of each template: the harmonic series that it resembles most.

    Parameters
    ----------
    templates : ndarray, shape (F, R)
        On the bands of `Transcription.represent`.
    least : float
        Cosine similarity below which a template has no pitch.

    Returns
    -------
    ndarray of int, shape (R,)
        MIDI numbers; 0 for a template without pitch.
    """
    spectra = np.sqrt(templates / (np.linalg.norm(templates, axis=0) + 1e-12))
    combs = _harmonic_series()
    similarity = combs.T @ (spectra / (np.linalg.norm(spectra, axis=0) + 1e-12))
    return np.where(similarity.max(0) >= least, PITCHES[similarity.argmax(0)], 0)


class NoteDecoder:
    """Salience to notes; fitted on recordings whose notes are known."""

    def fit(self, examples: list[tuple[np.ndarray, Notes]]) -> "NoteDecoder":
        """Fit which rises are onsets, and how far a note decays before it ends.

        Parameters
        ----------
        examples : list of (salience (88, T), Notes)
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
        self._threshold = thresholds[np.argmax(np.mean(scores, 1))]

        decays = np.geomspace(0.02, 0.5, 6)
        scores = [
            [
                _note_scores(notes, traced, 0.2)[2]
                for traced in trace(heard, r.of(s > self._threshold), decays)
            ]
            for (heard, notes), r, s in zip(examples, rises, sure, strict=True)
        ]
        self._decay = decays[np.argmax(np.mean(scores, 0))]
        return self

    def decode(self, heard: np.ndarray) -> Notes:
        """Notes in a salience (88, T)."""
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
    """Where a pitch's salience rises most within some 150 ms.

    Parameters
    ----------
    keys, frames : ndarray of int, shape (n,)
        Row and column of the salience.
    features : ndarray, shape (n, 9)
        What the decoder decides by.
    loudness : float
        The salience that counts as loud in this recording.
    """

    keys: np.ndarray
    frames: np.ndarray
    features: np.ndarray
    loudness: float

    @property
    def times(self) -> np.ndarray:
        """Onset times, s."""
        return _onset_time(self.frames)

    def of(self, chosen: np.ndarray) -> "Rises":
        """Those that a mask (n,) or indices choose."""
        return Rises(
            self.keys[chosen], self.frames[chosen], self.features[chosen], self.loudness
        )


def _onset_time(frame):
    """When a rise that is steepest at a frame began: half the lag before it, s."""
    return np.maximum(0.0, (frame - LAG / 2) * FRAME)


def trace(heard: np.ndarray, onsets: Rises, decays: np.ndarray) -> list[Notes]:
    """Follow notes from their onsets until their salience has decayed.

    Parameters
    ----------
    heard : ndarray, shape (88, T)
        Salience.
    onsets : Rises
        Those that notes start at.
    decays : ndarray
        Shares of a note's peak that it may end at.

    Returns
    -------
    list of Notes
        One for each of `decays`.
    """
    onsets = onsets.of(np.lexsort((onsets.frames, onsets.keys)))
    is_last = np.append(onsets.keys[1:] != onsets.keys[:-1], True)
    ends = np.where(is_last, heard.shape[1], np.append(onsets.frames[1:], 0))
    n = len(onsets.keys)
    lengths, peaks = np.empty((len(decays), n), int), np.empty(n)
    for i in range(n):
        sound = heard[onsets.keys[i], onsets.frames[i] : ends[i]]
        peak = np.maximum.accumulate(sound)
        decayed = sound < decays[:, None] * peak
        lengths[:, i] = np.where(decayed.any(1), decayed.argmax(1), len(sound))
        peaks[i] = peak[-1]
    times, pitches = onsets.times, PITCHES[onsets.keys]
    velocities = np.clip(127 * np.sqrt(peaks / onsets.loudness), 1, 127).astype(int)
    order = np.lexsort((pitches, times))
    parts = np.full(n, "estimate")
    return [
        Notes(
            np.stack([times, times + np.maximum(1, length) * FRAME], 1)[order],
            pitches[order],
            velocities[order],
            parts,
        )
        for length in lengths
    ]


def find_rises(heard: np.ndarray) -> Rises:
    """Find where notes may start in a salience (88, T)."""
    loudness = float(np.quantile(heard.max(0), 0.95)) or 1.0
    level = heard / loudness
    before = np.pad(level, ((0, 0), (LAG, 0)))[:, : level.shape[1]]
    rise = np.maximum(level - before, 0)
    reached = maximum_filter1d(level, 9, axis=1, origin=-4)  # in the next 0.2 s
    around = np.pad(maximum_filter1d(level, 9, axis=1), ((48, 48), (0, 0)))
    loudest_pitch = maximum_filter1d(level.max(0), 9)
    steepest_pitch = maximum_filter1d(rise.max(0), 5)
    key, frame = np.nonzero((rise == maximum_filter1d(rise, 7, axis=1)) & (rise > 0.01))

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
    return Rises(key, frame, np.stack(features, axis=1), loudness)


def _matches(rises, notes):
    """Which rises are onsets of the notes, each note matched once."""
    found = np.zeros(len(rises.keys), dtype=bool)
    if len(notes) and len(found):
        intervals = np.stack([rises.times, rises.times + 0.1], axis=1)
        hz = librosa.midi_to_hz(PITCHES[rises.keys])
        pairs = mir_eval.transcription.match_notes(
            notes.intervals, notes.hz, intervals, hz, offset_ratio=None
        )
        found[[estimate for _, estimate in pairs]] = True
    return found


def _colour(V, rng):
    """Pass a spectrogram through an equaliser of 80 random gains of some 6 dB.

    What is transcribed comes from other instruments than the dictionary; a decoder
    that was fitted on recordings of the same instruments would trust it too much.
    """
    gains = rng.normal(0, 6, 80)
    bands = np.interp(np.linspace(0, 1, len(V)), np.linspace(0, 1, 80), gains)
    return V * (10 ** (bands / 20)).astype(V.dtype)[:, None]


@cache
def band_frequencies():
    """Centre of each band of `Transcription.represent`, Hz, (F,)."""
    bins = librosa.fft_frequencies(sr=SAMPLE_RATE, n_fft=WINDOW)
    crossover = bins[1] / (2 ** (1 / BANDS_PER_OCTAVE) - 1)
    octaves = np.arange(0, np.log2(10000 / crossover), 1 / BANDS_PER_OCTAVE)
    linear = bins[(bins >= 27) & (bins < crossover)]
    return np.concatenate([linear, crossover * 2**octaves])


def _hats(frequencies):
    """How much a partial at each frequency adds to each band, triangular (F, n)."""
    centres = band_frequencies()
    return np.stack(
        [
            np.interp(frequencies, centres, band, left=0, right=0)
            for band in np.eye(len(centres))
        ]
    ).astype(np.float32)


@cache
def _bands():
    return _hats(librosa.fft_frequencies(sr=SAMPLE_RATE, n_fft=WINDOW))


@cache
def _harmonic_series():
    """Spectra (F, 88) of twelve decaying harmonics at each pitch, each of norm 1."""
    harmonics = np.arange(1, 13)
    combs = np.stack(
        [
            _hats(librosa.midi_to_hz(pitch) * harmonics) @ 0.8**harmonics
            for pitch in PITCHES
        ],
        axis=1,
    )
    return combs / np.linalg.norm(combs, axis=0)


def no_notes() -> Notes:
    """An empty transcription."""
    return Notes.from_rows([])


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
        ``chroma_`` precision, recall and accuracy.
    """
    scores = {}
    for name, offset_ratio in (("onset", None), ("note", 0.2)):
        values = _note_scores(reference, estimate, offset_ratio)
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


def _note_scores(reference, estimate, offset_ratio):
    """Precision, recall and F-measure of the notes; of their onsets if None."""
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
    active = (notes.intervals[:, :1] <= times) & (times < notes.intervals[:, 1:])
    hz = notes.hz
    return [hz[frame] for frame in active.T]
