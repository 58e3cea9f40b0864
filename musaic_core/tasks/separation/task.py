"""Music source separation: a mixture in, its stems out, for any factorization.

Every model becomes stems in the same two steps. Each template is given to the stems:
one of the dictionary to the stem that it was learned from, one found in the mixture
to the stems in whose dictionaries it can be composed. The templates of a stem, times
their activations, are a spectrogram of that stem, and the ratios between these are
masks for the mixture (Wiener filtering). Models of a frequency × time × channel
tensor have a mask for each channel.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import joblib
import librosa
import numpy as np
import soundfile

from musaic_core.data.track import InputError, Track
from musaic_core.lowrank.nmf import nmf
from musaic_core.tasks.base import Estimate, Task
from musaic_core.tasks.separation.scores import (
    correlations_of,
    mean_sdr,
    separation_scores,
)

WINDOW = 0.08  # s under one spectrum; its bins are 12.5 Hz apart at any sampling rate
HOP = 0.04  # s between two spectra
HIGHEST = 10_000  # Hz that models see; what lies above follows the last kHz of that
TEMPLATES = 20  # of each stem in the dictionary
LEARNING_FRAMES = 2000  # of each stem that they are learned from
SCORED = 20  # s, amid each recording whose stems are known


@dataclass
class Dictionary:
    """Spectra of the training stems.

    Parameters
    ----------
    templates : ndarray of float32, shape (F, R)
        One spectrum a column, each of sum 1.
    stems : ndarray of str, shape (R,)
        The stem of each.
    """

    templates: np.ndarray
    stems: np.ndarray


class Separation(Task):
    """The recordings to separate, and the stems to learn from.

    Parameters
    ----------
    train, test : iterable of Track
        Recordings whose stems may be learned from, and that are separated. Of those
        whose stems are known, and that are scored, it is the middle 20 s.
    phase : {"mixture", "misi"}
        Phases of the stems' spectra: see `synthesize`.
    """

    modes = (2, 3)  # of the V that it has for a model
    third_mode = "channel"

    def __init__(
        self, train: Iterable[Track], test: Iterable[Track], phase: str = "mixture"
    ):
        super().__init__(train, test, asks_for="stems")
        self.test = [
            track if "mixture" in track.stem_files else replace(track, middle=SCORED)
            for track in self.test
        ]
        self.phase = phase
        self._bounds, self._grams = {}, {}

    @property
    def stems(self) -> list[str]:
        """Names of the stems that the recordings are separated into."""
        return list((self.train or self.test)[0].stem_files)

    @cached_property
    def dictionary(self) -> Dictionary | None:
        """KL-NMF of each training stem by itself, or None if there are none."""
        learned = self.each(self.train, self._stem_spectra).values()
        spectra = [e.answer for e in learned if not e.error]
        if not spectra:
            return None
        rows = min(V.shape[1] for V in spectra)
        templates = []
        for V in np.concatenate([V[:, :rows] for V in spectra], axis=2):
            V = np.ascontiguousarray(V[:, :: -(-V.shape[1] // LEARNING_FRAMES)])
            W = nmf(V, TEMPLATES, beta=1, update="hals-mu", max_iter=50, seed=0)
            templates.append(W.templates / (W.templates.sum(0) + 1e-12))
        return Dictionary(
            np.concatenate(templates, axis=1), np.repeat(self.stems, TEMPLATES)
        )

    def prepare(self, modes: int = 2) -> None:
        """Learn the dictionary, which blind models need too; have librosa compile."""
        _ = self.dictionary
        inverse_transform(transform(np.zeros((1, 1000)), 1000), 1000, 1000)

    def _stem_spectra(self, track):
        _, sr = track.audio()
        stems = stems_of(track, self.stems)
        return Estimate(
            np.stack([magnitudes(transform(stems[name], sr)) for name in self.stems])
        )

    def represent(self, track: Track, modes: int = 2) -> np.ndarray:
        """Magnitude spectrogram, float32, in bins of 12.5 Hz up to 10 kHz.

        Parameters
        ----------
        track : Track
        modes : {2, 3}
            With 3 it is frequency × time × channel; with 2 it is frequency × time,
            the root mean square over channels.
        """
        return magnitudes(transform(*self._audio(track)), modes)

    def _audio(self, track):
        y, sr = track.audio()
        if y.shape[1] < WINDOW * sr:
            raise InputError(
                f"{track.files[0]}: {y.shape[1] / sr:.2f} s are too short to "
                f"separate; {WINDOW} s is the least"
            )
        return y, sr

    def factorize(
        self, model: Callable, supervised: bool, modes: int = 2
    ) -> dict[str, Estimate]:
        """Separate the test recordings with a low-rank model.

        Parameters
        ----------
        model : callable
            ``model(V, templates)`` factorizes a spectrogram V; ``templates`` is the
            dictionary (F, R), or None where it is not to be used.
        supervised : bool
            Whether the model's templates are, or start from, the dictionary's.
        modes : {2, 3}
            Of V: see `represent`.

        Returns
        -------
        dict of str to Estimate
            Stems by track id: a dict of name to float32 (channels, samples).
        """

        def separate(track):
            y, sr = self._audio(track)
            V = magnitudes(transform(y, sr), modes)
            V = V[: len(self.dictionary.templates)]
            templates = self.dictionary.templates[: len(V)]
            factorization = model(V, templates if supervised else None)
            if supervised:
                shares = self.dictionary.stems[:, None] == self.stems
            else:
                shares = self.share(factorization.templates)
            spectrograms = stem_spectrograms(factorization, shares, V.shape)
            stems = synthesize(y, sr, spectrograms, self.phase)
            return Estimate(
                dict(zip(self.stems, stems, strict=True)),
                factorization,
                np.array(self.stems)[shares.argmax(1)],
                factorization.n_parameters,
            )

        return self.each(self.test, separate)

    def bounds(self, track: Track) -> dict[str, float]:
        """What equal parts of the mixture and what the ideal ratio mask score, dB.

        Returns
        -------
        dict of str to float
            ``sdr_mixture`` and ``sdr_oracle``, computed once for each recording.
        """
        if track.id not in self._bounds:
            y, sr = track.audio()
            stems = np.stack(list(track.stems().values()))
            parts = np.stack([y / len(stems)] * len(stems))
            self._bounds[track.id] = {
                "sdr_mixture": mean_sdr(stems, parts, sr),
                "sdr_oracle": mean_sdr(stems, ideal_stems(y, sr, stems), sr),
            }
        return self._bounds[track.id]

    def score(
        self,
        track: Track,
        references: dict[str, np.ndarray],
        stems: dict[str, np.ndarray],
        sr: int,
    ) -> dict[str, float]:
        """`separation_scores`, with what all answers share computed once."""
        if track.id not in self._grams:
            true = np.stack(list(references.values()))
            self._grams[track.id] = correlations_of(true)
        return separation_scores(references, stems, sr, self._grams[track.id])

    def share(self, templates: np.ndarray) -> np.ndarray:
        """How much of each template the stems' dictionaries account for.

        Parameters
        ----------
        templates : ndarray, shape (F, R)
            Found in a mixture.

        Returns
        -------
        ndarray, shape (R, number of stems)
            The template's composition of the dictionary's spectra (KL-NMF with these
            held), summed over each stem's; rows sum to 1.
        """
        W = self.dictionary.templates[: len(templates)]
        V = np.asarray(templates, np.float32)
        V = V / (V.sum(0) + 1e-12)
        start = np.full((W.shape[1], V.shape[1]), 1 / W.shape[1], np.float32)
        composed = nmf(V, W.shape[1], beta=1, init=(W, start), fixed=("templates",))
        stems = self.dictionary.stems == np.array(self.stems)[:, None]
        shares = (stems.astype(np.float32) @ composed.activations).T
        return shares / (shares.sum(1, keepdims=True) + 1e-12)


def check_stems(track: Track, names: Iterable[str]) -> None:
    """Raise InputError where the stems of a track do not have these names."""
    if set(track.stem_files) != set(names):
        raise InputError(
            f"{track.files[0].parent}: its stems are {', '.join(track.stem_files)}; "
            f"what is learned from has {', '.join(names)}: rename the files"
        )


def stems_of(track: Track, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Read the stems of a track, which are to have these names."""
    check_stems(track, names)
    return track.stems()


def bin_frequencies() -> np.ndarray:
    """Centre of each row of what models see, Hz, (F,)."""
    return np.arange(round(HIGHEST * WINDOW)) / WINDOW


def transform(y: np.ndarray, sr: int) -> np.ndarray:
    """Short-time Fourier transform (..., frequencies, frames) of (..., samples)."""
    n_fft, hop = _samples(WINDOW, sr), _samples(HOP, sr)
    # the last samples too are to lie under two windows: else the inverse, which
    # divides by their sum, blows up what masks have left there
    y = np.pad(y, [(0, 0)] * (y.ndim - 1) + [(0, hop)])
    return librosa.stft(y, n_fft=n_fft, hop_length=hop)


def inverse_transform(spectra: np.ndarray, sr: int, length: int) -> np.ndarray:
    """Signals (..., samples) of short-time Fourier transforms."""
    return librosa.istft(
        spectra,
        n_fft=_samples(WINDOW, sr),
        hop_length=_samples(HOP, sr),
        length=length,
    )


def _samples(seconds, sr):
    return 2 * round(seconds * sr / 2)


def magnitudes(spectra: np.ndarray, modes: int = 2) -> np.ndarray:
    """What models see of a transform (channels, F, T): see `Separation.represent`."""
    heard = np.abs(spectra[:, : round(HIGHEST * WINDOW)])
    if modes == 2:
        return np.sqrt((heard**2).mean(0))
    return np.ascontiguousarray(np.moveaxis(heard, 0, 2))


def stem_spectrograms(factorization, shares: np.ndarray, shape: tuple) -> np.ndarray:
    """Each stem's part of a factorization.

    Parameters
    ----------
    factorization : NMF, NCP or NTD
    shares : ndarray, shape (R, number of stems)
        How much of each template is each stem's.
    shape : tuple of int
        Of the V that was factorized: (F, T) or (F, T, channels).

    Returns
    -------
    ndarray of float32, shape (number of stems, *shape)
    """
    W = np.asarray(factorization.templates, np.float32)
    H = np.asarray(factorization.activations, np.float32)
    return np.stack([((W * share) @ H).reshape(shape) for share in shares.T])


def synthesize(
    y: np.ndarray, sr: int, spectrograms: np.ndarray, phase: str = "mixture"
) -> np.ndarray:
    """Filter stems out of a mixture.

    Parameters
    ----------
    y : ndarray, shape (channels, samples)
        The mixture.
    sr : int
        Its sampling rate, Hz.
    spectrograms : ndarray, shape (stems, F, T) or (stems, F, T, channels)
        Magnitudes of each stem, as `magnitudes` gives them; of the lowest F bins.
        Above them, masks are those of the last kHz.
    phase : {"mixture", "misi"}
        Of the stems: the mixture's, or found by ten iterations of multiple input
        spectrogram inversion from there (Gunawan and Sen 2010).

    Returns
    -------
    ndarray of float32, shape (stems, channels, samples)
        Stems that sum to the mixture.

    References
    ----------
    Liutkus and Badeau, "Generalized Wiener filtering with fractional power
    spectrograms", ICASSP 2015. Gunawan and Sen, IEEE Signal Processing Letters 17
    (5), 2010.
    """
    X = transform(y, sr)
    power = spectrograms.reshape(*spectrograms.shape[:3], -1) ** 2
    last_khz = [(0, 0), (0, X.shape[1] - power.shape[1]), (0, 0), (0, 0)]
    power = np.pad(power, last_khz, mode="mean", stat_length=round(1000 * WINDOW))
    # where no stem has power all share alike, and no stem is ever quite silent
    power += 1e-10 * power.mean() + np.finfo(np.float32).tiny
    masks = np.moveaxis(power / power.sum(0), 3, 1)
    stems = _to_stems(masks * X, y, sr)
    if phase == "misi":
        for _ in range(10):
            Z = transform(stems, sr)
            Z *= masks * np.abs(X) / (np.abs(Z) + 1e-12)
            stems = _to_stems(Z, y, sr)
    return stems


def _to_stems(spectra, y, sr):
    """Signals that sum to the mixture: what is missing is shared alike."""
    stems = inverse_transform(spectra, sr, y.shape[1])
    return stems + (y - stems.sum(0)) / len(stems)


def ideal_stems(y: np.ndarray, sr: int, stems: np.ndarray) -> np.ndarray:
    """Separate by the ideal ratio mask: the best that masks like ours can do.

    Parameters
    ----------
    y : ndarray, shape (channels, samples)
    sr : int
    stems : ndarray, shape (stems, channels, samples)
        The true ones.

    Returns
    -------
    ndarray of float32, shape (stems, channels, samples)
    """
    spectrograms = np.abs(transform(stems, sr))
    return synthesize(y, sr, np.moveaxis(spectrograms, 1, 3))


def save_stems(
    stems: dict[str, np.ndarray], sr: int, folder: Path, seconds: float | None = None
) -> None:
    """Write each stem to ``<name>.ogg``, Ogg Vorbis at some 40 kbit/s a channel.

    Parameters
    ----------
    stems : dict of str to ndarray, shape (channels, samples)
    sr : int
        Sampling rate, Hz.
    folder : Path
    seconds : float, optional
        Of the middle of the recording; else all of it.
    """

    def write(name, y):
        spare = 0 if seconds is None else max(0, y.shape[1] - int(seconds * sr))
        y = y[:, spare // 2 : y.shape[1] - (spare - spare // 2)]
        with soundfile.SoundFile(
            folder / f"{name}.ogg",
            "w",
            samplerate=sr,
            channels=len(y),
            format="OGG",
            subtype="VORBIS",
            compression_level=0.8,
        ) as file:
            for start in range(0, y.shape[1], sr):  # libsndfile fails on minutes
                file.write(y[:, start : start + sr].T)

    joblib.Parallel(-1, "threading")(
        joblib.delayed(write)(name, y) for name, y in stems.items()
    )
