"""Automatic music transcription: a recording in, notes out.

Models see a spectrogram, and unless they do without, a dictionary of notes that were
heard alone. Tensor models see it folded into bars, frequency × time in bar × bar; their
activations, laid out in time again, go the same way as all others'. The bars come from
the audio, as all else does: the annotated downbeats of a recording would tell where its
onsets are.
"""

from collections.abc import Iterable
from contextlib import suppress
from functools import cache, cached_property
from weakref import WeakKeyDictionary

import librosa
import numpy as np

from musaic_core.data.errors import InputError
from musaic_core.data.notes import Notes
from musaic_core.data.recording import Track
from musaic_core.lowrank.models import NMF
from musaic_core.tasks.bars import fold_bars
from musaic_core.tasks.base import Task
from musaic_core.tasks.disturbed import disturbed
from musaic_core.tasks.kept import Kept
from musaic_core.tasks.transcription.decoder import NoteDecoder, Salience
from musaic_core.tasks.transcription.dictionary import (
    adapted_to_notes,
    learn_dictionary,
)
from musaic_core.tasks.transcription.obeyed import obeyed
from musaic_core.tasks.transcription.spectrogram import (
    FRAME,
    HOP,
    PITCHES,
    SAMPLE_RATE,
    WINDOW,
    band_frequencies,
    complex_spectrogram,
    estimate_pitches,
    spectrogram,
)

TUNING_SECONDS = 8  # amid each training recording, that the decoder is fitted on
VERSIONS = 2  # of each training recording, each disturbed in another way


class Transcription(Task):
    """The recordings to transcribe, and what may be learned for it.

    Parameters
    ----------
    train : iterable of Track
        What models and decoders may learn from.
    test : iterable of Track or Recording
        What they are scored on.
    isolated : iterable of Track
        Recordings of single notes, for the dictionary.
    **options
        As `Task` takes them; the seed is of the training recordings' disturbances.
    """

    answers = "notes"
    axes = (("frequency", "time"), ("frequency", "time in bar", "bar"))
    learns_dictionary = True
    decodes_hints = True
    magnitudes = True
    compression = 0.7
    labels = PITCHES.tolist()
    frequencies = band_frequencies()
    frame = FRAME

    def __init__(self, train, test, isolated: Iterable[Track] = (), **options) -> None:
        super().__init__(train, test, **options)
        self.isolated = list(isolated)
        self._kept = Kept()
        self._bars: WeakKeyDictionary = WeakKeyDictionary()

    @property
    def recordings(self) -> list[Track]:
        """All the tracks that may be learned from."""
        return self.train + self.isolated

    def misfit(self, solver):
        if solver.describes and not self.train:
            return "there are no training recordings to tune the decoder on"
        if getattr(solver, "supervised", False) and not self.isolated:
            return "there is nothing to learn a dictionary from"

    def prepare(self, axes, describes):
        if describes:
            _ = self.excerpts
        if axes is None:
            return
        _ = self.dictionary_of(self.compression)
        for recording in self.test:
            with suppress(Exception):  # whose reason is told when it is transcribed
                self.represent(recording)
        if len(axes) == 3:  # have librosa compile, off the clock
            for (excerpt, *_), _ in list(self.excerpts.values())[:1]:
                find_bars(self.represent(excerpt))

    # ---- what models are given

    @cached_property
    def dictionary_of(self):
        return cache(self._learn_dictionary)  # once for each exponent

    def _learn_dictionary(self, exponent):
        return learn_dictionary(
            lambda: (
                (V**exponent, notes.table()) for _, (V, notes) in self._isolated_notes
            )
        )

    def adapted(self, dictionary, given):
        """Hear the dictionary as the notes that are said to sound do."""
        V = self.represent(given.recording) ** given.exponent
        return adapted_to_notes(dictionary, V, given)

    @cached_property
    def _isolated_notes(self):
        """Each readable recording of isolated notes, its spectrogram and notes."""

        def read(track):
            if track.notes is None:
                raise InputError(f"{track.name}: no file says which notes are played")
            return self._spectrogram(track), track.notes

        return self.learned(self.isolated, read)

    def represent(self, recording, axes=axes[0]):
        """Magnitudes of a recording.

        Parameters
        ----------
        recording : Recording or Track
        axes : tuple of str
            Two: frequency × time, see `spectrogram`. Three: the same folded into bars.

        Returns
        -------
        ndarray of float32, shape (F, T) or (F, frames in a bar, B)
        """
        V = self._kept.get(recording, lambda: self._spectrogram(recording))
        if len(axes) == 2:
            return V.copy()
        bars = self.bars(recording)
        return fold_bars(V, FRAME, bars, _frames_per_bar(bars))

    def _spectrogram(self, recording):
        name = getattr(recording, "name", recording.id)
        return spectrogram(*recording.audio(), name)

    def transform(self, recording):
        """Short-time Fourier transform (channels, 2049, T), at 22 050 Hz."""
        return complex_spectrogram(*recording.audio(), recording.id)

    def bars(self, recording):
        if recording not in self._bars:
            self._bars[recording] = find_bars(self.represent(recording))
        return self._bars[recording]

    # ---- decoding

    @cached_property
    def excerpts(self) -> dict[Track, tuple[list["Excerpt"], Notes]]:
        """The middle of each training recording, disturbed, and its notes.

        What is transcribed comes from other instruments, rooms and microphones than
        what is learned from; a decoder that was fitted on recordings of the same would
        trust them too much. All models hear the same disturbances.
        """
        rng = np.random.default_rng(self.seed)

        def middle(track):
            if track.notes is None:
                raise InputError(f"{track.name}: has no notes to tune the decoder on")
            y, sr = track.audio()
            length = TUNING_SECONDS * sr
            first = max(0, (y.shape[1] - length) // 2)
            y = y[:, first : first + length]
            if y.shape[1] < WINDOW / SAMPLE_RATE * sr:
                raise InputError(f"{track.name}: is too short to tune the decoder on")
            notes = track.notes.between(first / sr, (first + y.shape[1]) / sr)
            versions = [disturbed(y, sr, rng) for _ in range(VERSIONS)]
            return [Excerpt(track.id, version, sr) for version in versions], notes

        return dict(self.learned(self.train, middle))

    def describe(self, model, given):
        """Read how strongly each pitch sounds from a model's components."""
        if model.labels is None:
            templates = np.asarray(model.templates) ** (1 / given.exponent)
            model.labels = estimate_pitches(templates)
        # of all models as compressed
        level = salience(model) ** (self.compression / given.exponent)
        model = given.magnitudes_of(model)
        if len(given.axes) == 3:
            n_frames = self.represent(given.recording).shape[1]
            level = _in_time(level, given.bars, n_frames)
            activations = _in_time(model.activations, given.bars, n_frames)
            model = NMF(model.templates, activations, labels=model.labels)
        return Salience(level, factors=model)

    def tune(self, describe, keep=lambda fit: fit()):
        """Fit the note decoder on disturbed excerpts of the training recordings."""

        def heard(track):
            excerpts, notes = self.excerpts[track]
            return [(describe(excerpt), notes) for excerpt in excerpts]

        def fit():
            learned = self.learned(self.excerpts, heard, by_model=True)
            examples = [example for _, examples in learned for example in examples]
            if not examples:
                raise InputError(
                    "no training recording could be used to tune the decoder"
                )
            return NoteDecoder().fit(examples)

        decoder = keep(fit)

        def decode(heard, recording, hints=()):
            return obeyed(decoder.decode(heard), hints), heard.factors

        return decode


class Excerpt:
    """A stretch of a recording that can be heard.

    Parameters
    ----------
    id : str
        Of the recording.
    y : ndarray of float32, shape (channels, samples)
    sr : int
        Sampling rate, Hz.
    """

    def __init__(self, id: str, y: np.ndarray, sr: int) -> None:
        self.id = id
        self._y, self._sr = y, sr

    def audio(self) -> tuple[np.ndarray, int]:
        """Give its samples and their rate, as a recording does.

        Returns
        -------
        y : ndarray of float32, shape (channels, samples)
        sr : int
            Sampling rate, Hz.
        """
        return self._y, self._sr

    @property
    def duration(self) -> float:
        """Seconds."""
        return self._y.shape[1] / self._sr


def salience(model) -> np.ndarray:
    """How strongly each pitch sounds in each frame.

    Parameters
    ----------
    model : Model
        Its labels are MIDI numbers; 0 for a template without pitch.

    Returns
    -------
    ndarray, shape (88, T)
        Summed loudness of its components.
    """
    loudness, pitches = np.asarray(model.loudness()), np.asarray(model.labels)
    return (pitches == PITCHES[:, None]).astype(loudness.dtype) @ loudness


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


def _in_time(rows, bars, n_frames):
    """Rows (n, frames in a bar × bars) at a recording's frames, (n, n_frames)."""
    n, lengths = _frames_per_bar(bars), np.diff(bars)[:, None]
    centres = (bars[:-1, None] + lengths * (np.arange(n) + 0.5) / n).ravel()
    rows = np.asarray(rows).reshape(-1, n, len(bars) - 1).swapaxes(1, 2)
    times = np.arange(n_frames) * FRAME
    return np.stack([np.interp(times, centres, row.ravel()) for row in rows])
