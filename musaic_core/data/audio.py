"""Audio files."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from musaic_core.data.errors import InputError

Source = Path | Callable[[], tuple[np.ndarray, int]]

# What libsndfile notes of a WAV, AIFF or Ogg file that stops before its end; a WAV
# that was streamed has no length to keep (0 or 2³² - 1).
_CUT = re.compile(
    r"^ ?(data|SSND) : (?!(0|4294967295) )\d+ \(should be|Junk after the last page",
    re.MULTILINE,
)


def read_audio(source: Source, middle: float | None = None) -> tuple[np.ndarray, int]:
    """Read a WAV, FLAC, Ogg or MP3 file.

    Parameters
    ----------
    source : Path or callable
        The file, or a function that gives samples (channels, samples) and rate.
    middle : float, optional
        Read so many seconds amid it; else all of it.

    Returns
    -------
    y : ndarray of float32, shape (channels, samples)
    sr : int
        Sampling rate, Hz.

    Raises
    ------
    InputError
        The file can't be read, is empty, or holds NaN or infinity.
    """
    if callable(source):
        y, sr = source()
        y = np.asarray(y, np.float32)
        length = y.shape[1] if middle is None else round(middle * sr)
        start = max(0, (y.shape[1] - length) // 2)
        y = y[:, start : start + length]
    else:
        y, sr = _read_file(source, middle)
    if y.shape[1] == 0:
        raise InputError(f"{source}: the recording is empty; export it again")
    if not np.isfinite(y).all():
        raise InputError(f"{source}: holds NaN or infinite samples; export it again")
    return y, sr


def _read_file(file, middle):
    header = describe_audio(file)
    if _CUT.search(header.extra_info):
        raise InputError(f"{file}: the end of the file is missing; copy it again")
    length, start = header.frames, 0
    if middle is not None:
        length = min(length, round(middle * header.samplerate))
        start = (header.frames - length) // 2
    try:
        y, sr = soundfile.read(file, length, start, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, ValueError, MemoryError) as error:
        raise InputError(f"{file}: {error}; export it again") from None
    if 0 < len(y) < length:
        raise InputError(
            f"{file}: {len(y)} of {length} samples are there; copy it again"
        )
    return y.T, sr


def describe_audio(file: Path):
    """Read a file's header.

    Parameters
    ----------
    file : Path

    Returns
    -------
    object
        Of soundfile, with ``duration`` (s), ``frames`` and ``samplerate`` (Hz).

    Raises
    ------
    InputError
        The file is not there, or no header can be read.
    """
    if not Path(file).exists():
        raise InputError(f"{file}: no such file")
    try:
        return soundfile.info(file)
    except soundfile.SoundFileError:
        raise InputError(
            f"{file}: not a readable WAV, FLAC, Ogg or MP3 file; convert it"
        ) from None


def audio_files(folder: Path) -> list[Path]:
    """List the files of a folder that are audio by their suffix, readable or not.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    list of Path
        In the order of their names, without hidden files.
    """
    return [
        file
        for file in sorted(folder.iterdir())
        if not file.is_dir()  # a link to nothing is told when it is read
        and not file.name.startswith(".")
        and file.suffix.lower() in _SUFFIXES
    ]


# What libsndfile reads, and what people have that it does not: those are named as
# unreadable rather than passed over in silence.
_SUFFIXES = {
    *(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc"),
    *(".au", ".snd", ".caf", ".w64", ".rf64", ".m4a", ".mp4", ".aac", ".wma"),
}
