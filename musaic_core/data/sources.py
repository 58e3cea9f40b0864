"""Audio that a corpus has in another form than a file a stem."""

from pathlib import Path

import av
import numpy as np
import soxr

from musaic_core.data.audio import Header, describe_audio, read_audio
from musaic_core.data.errors import InputError


def common_header(files: list[Path]) -> Header:
    """Say what files of stems have to be made alike to be added.

    Parameters
    ----------
    files : list of Path

    Returns
    -------
    Header
        The highest sampling rate, the most channels, and the longest duration.

    Raises
    ------
    InputError
        A file can't be read, or has neither one channel nor as many as the others.
    """
    headers = [describe_audio(file) for file in files]
    rate = max(header.samplerate for header in headers)
    channels = max(header.channels for header in headers)
    for file, header in zip(files, headers, strict=True):
        if header.channels not in (1, channels):
            raise InputError(
                f"{file}: it has {header.channels} channels, and another stem "
                f"{channels}; export all stems of a track alike"
            )
    return Header(max(_frames(header, rate) for header in headers), rate, channels)


def _frames(header, rate):
    return -(-header.frames * rate // header.samplerate)  # rounded up


def read_fitted(file: Path, like: Header, middle: float | None = None) -> np.ndarray:
    """Read a stem as others of its track are: resampled, with silence after its end.

    Parameters
    ----------
    file : Path
    like : Header
        Of `common_header`.
    middle : float, optional
        Read so many seconds amid what is as long as the longest stem; else all of it.

    Returns
    -------
    ndarray of float32, shape (channels, samples)

    Raises
    ------
    InputError
        The file can't be read.
    """
    y, sr = read_audio(file)
    if sr != like.samplerate:
        y = soxr.resample(y.T, sr, like.samplerate).T
    fitted = np.zeros((like.channels, like.frames), np.float32)
    fitted[:, : y.shape[1]] = y[:, : like.frames]
    length = like.frames
    if middle is not None:
        length = min(length, round(middle * like.samplerate))
    start = (like.frames - length) // 2
    return fitted[:, start : start + length]


def read_sum(*files: Path) -> tuple[np.ndarray, int]:
    """Read audio files that are one stem together.

    Parameters
    ----------
    *files : Path
        At one sampling rate; those that are shorter end in silence.

    Returns
    -------
    y : ndarray of float32, shape (channels, samples)
    sr : int
        Sampling rate, Hz.

    Raises
    ------
    InputError
        A file can't be read, or has another rate or number of channels.
    """
    parts = [read_audio(file) for file in files]
    if len({(len(y), sr) for y, sr in parts}) > 1:
        raise InputError(
            f"{files[0]}: its channels or sampling rate are others than those of "
            f"{', '.join(file.name for file in files[1:])}, which it is added to"
        )
    total = np.zeros((len(parts[0][0]), max(y.shape[1] for y, _ in parts)), np.float32)
    for y, _ in parts:
        total[:, : y.shape[1]] += y
    return total, parts[0][1]


def read_channel(file: Path, number: int) -> tuple[np.ndarray, int]:
    """Read one channel of an audio file, where channels are stems.

    Parameters
    ----------
    file : Path
    number : int
        Of the channel, from 0 on.

    Returns
    -------
    y : ndarray of float32, shape (1, samples)
    sr : int
        Sampling rate, Hz.

    Raises
    ------
    InputError
        The file can't be read, or has no such channel.
    """
    y, sr = read_audio(file)
    if number >= len(y):
        raise InputError(
            f"{file}: it has {len(y)} channel, where each stem has its own"
        )
    return y[number : number + 1], sr


def read_stream(file: Path, number: int) -> tuple[np.ndarray, int]:
    """Read one of the audio streams of a file, as a STEM file has.

    Parameters
    ----------
    file : Path
    number : int
        Of the stream, from 0 on.

    Returns
    -------
    y : ndarray of float32, shape (channels, samples)
    sr : int
        Sampling rate, Hz.

    Raises
    ------
    InputError
        The file can't be read, or has no such stream.
    """
    try:
        with av.open(str(file)) as container:
            stream = container.streams.audio[number]
            to_float = av.AudioResampler(format="fltp")
            frames = [
                resampled.to_ndarray()
                for frame in container.decode(stream)
                for resampled in to_float.resample(frame)
            ]
        return np.concatenate(frames, axis=1), stream.rate
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise InputError(f"{file}: not a readable STEM file ({error})") from None
