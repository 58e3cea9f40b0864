"""A recording that is decoded once, and what the browser plays of it."""

import tempfile
from functools import cached_property, partial
from pathlib import Path

import librosa
import numpy as np
import soundfile
import soxr

from musaic_core.data.audio import mixed_down, read_audio
from musaic_core.data.errors import InputError
from musaic_core.data.recording import Recording, Track
from musaic_core.publish.audio import peaks

RATE = 48_000  # Hz, that browsers play at most


def samples_in(file: Path, rate: int) -> tuple[np.ndarray, int]:
    """Give samples that were decoded before; they are read when they are looked at.

    Parameters
    ----------
    file : Path
        A NumPy file of samples (channels, samples).
    rate : int
        Their sampling rate, Hz.

    Returns
    -------
    y : ndarray of float32, shape (channels, samples)
    sr : int
    """
    return np.load(file, mmap_mode="r"), rate


class Sound:
    """A recording's samples, decoded to a temporary file.

    Parameters
    ----------
    file : Path
        Of any format.
    folder : Path
        Of temporary files.
    name : str
        That its errors call it.

    Raises
    ------
    InputError
        It can't be read, or is silent.
    """

    def __init__(self, file: Path, folder: Path, name: str) -> None:
        try:
            y, self.rate = read_audio(file)
        except InputError as error:  # a temporary file's path says nothing to a user
            raise InputError(str(error).replace(str(file), name)) from None
        if not y.any():
            raise InputError(f"{name}: the recording is silent; nothing to analyse")
        self.duration = y.shape[1] / self.rate
        self.folder = folder
        self._decoded = folder / "recording.npy"
        try:
            np.save(self._decoded, y)
        except OSError as error:
            raise no_room(name, error) from None
        self.peaks = peaks(y)

    @property
    def samples(self) -> np.ndarray:
        """All of it, (channels, samples), of which is read what is looked at."""
        return np.load(self._decoded, mmap_mode="r")

    def recording(self, id: str) -> Recording:
        """Give it as models hear it.

        Parameters
        ----------
        id : str

        Returns
        -------
        Recording
        """
        source = partial(samples_in, self._decoded, self.rate)
        self.track = Track(id, {"mixture": source})
        return Recording(self.track)

    @cached_property
    def file(self) -> Path:
        """What the browser plays: FLAC."""
        return write_flac(self.samples, self.rate, self.folder / "recording.flac")


def no_room(what: str, error: OSError) -> InputError:
    """Say that the disk of temporary files is full, or can't be written for else.

    Parameters
    ----------
    what : str
        That has been tried to write.
    error : OSError
        Of the system.

    Returns
    -------
    InputError
        One line, and what to do.
    """
    return InputError(
        f"{what}: no room for it in {tempfile.gettempdir()} "
        f"({error.strerror or error}); let $TMPDIR name a folder on a larger disk"
    )


def write_flac(y, sr: int, file: Path) -> Path:
    """Write FLAC of 16 bits, at `RATE` where the signal's own is higher.

    Parameters
    ----------
    y : ndarray or StoredSignal, shape (channels, samples)
        From -1 to 1; beyond, it is clipped.
    sr : int
        Sampling rate, Hz.
    file : Path

    Returns
    -------
    Path
        The same.

    Raises
    ------
    InputError
        There is no room; nothing is left of the file.
    """
    try:
        _write_flac(y, sr, file)
    except soundfile.LibsndfileError:  # it does not say what the system has said
        file.unlink(missing_ok=True)
        raise InputError(
            f"no room to play or export it in {file.parent}; let $TMPDIR name a folder "
            "on a larger disk"
        ) from None
    return file


def _write_flac(y, sr, file):
    rate, length = min(sr, RATE), y.shape[1]
    resampler = soxr.ResampleStream(sr, rate, len(y), "float32")
    with soundfile.SoundFile(file, "w", rate, len(y), "PCM_16", format="FLAC") as flac:
        for start in range(0, length, 10 * sr):
            stop = min(start + 10 * sr, length)
            part = np.ascontiguousarray(np.asarray(y[:, start:stop]).T, np.float32)
            if rate != sr:
                part = resampler.resample_chunk(part, last=stop == length)
            flac.write(np.clip(part, -1, 1))


def spectrogram(y: np.ndarray, sr: int, n_columns: int = 2000) -> dict:
    """Levels of a recording, for a picture to be painted on.

    Parameters
    ----------
    y : ndarray, shape (channels, samples)
    sr : int
        Sampling rate, Hz.
    n_columns : int
        At most.

    Returns
    -------
    dict
        ``levels``, (bands, columns) of uint8: 0 for 80 dB below the maximum, 255 for
        that; ``frequencies`` of the bands, Hz, and ``frame``, s between columns.
    """
    n_fft, n_bands = 4096, 160
    hop = max(1024, -(-y.shape[1] // n_columns))
    columns = []
    edges = librosa.mel_frequencies(n_bands + 2, fmax=min(12_000, sr / 2))
    mel = librosa.filters.mel(
        sr=sr, n_fft=n_fft, n_mels=n_bands, fmax=min(12_000, sr / 2)
    )
    window = np.hanning(n_fft).astype(np.float32)
    for start in range(0, y.shape[1], hop):
        part = mixed_down(np.asarray(y[:, start : start + n_fft]))
        part = np.pad(part, (0, n_fft - len(part))) * window
        columns.append(mel @ (np.abs(np.fft.rfft(part)) ** 2))
    power = np.stack(columns, axis=1)
    decibels = 10 * np.log10(power / power.max() + 1e-12)
    levels = np.clip(255 * (1 + decibels / 80), 0, 255).astype(np.uint8)
    return {"levels": levels, "frequencies": edges[1:-1], "frame": hop / sr}
