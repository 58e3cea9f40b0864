"""Audio files: whatever a player plays is read, to its end.

Files whose headers can be believed are read by libsndfile, which finds their middle
without decoding what comes before. All others are decoded from the beginning, by
FFmpeg: MP3, whose headers are often missing or wrong; streamed files, which do not know
their length; cut and damaged ones; and what libsndfile does not know.
"""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
import soundfile
from av.codec.context import Flags2

from musaic_core.data.errors import InputError, blaming, report_once

MP3_FRAME, AAC_FRAME = 1152, 1024  # samples
Source = Path | Callable[[], tuple[np.ndarray, int]]


@dataclass(frozen=True)
class Header:
    """What is known of a file before it is read.

    Parameters
    ----------
    frames : int
        Samples of each channel that are there, whatever the file says of itself.
    samplerate : int
        Hz.
    channels : int
    missing : str
        What a user is to know of an end that is not there; empty if it is.
    seekable : bool
        Whether libsndfile reads it, and to its end.
    delay : int
        Samples that FFmpeg decodes before the first of these.
    """

    frames: int
    samplerate: int
    channels: int
    missing: str = ""
    seekable: bool = False
    delay: int = 0

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.frames / self.samplerate

    def is_like(self, other: "Header") -> bool:
        """Whether two files can be added sample by sample.

        Parameters
        ----------
        other : Header

        Returns
        -------
        bool
        """
        kinds = [(h.frames, h.samplerate, h.channels) for h in (self, other)]
        return kinds[0] == kinds[1]


def read_audio(
    source: Source, middle: float | None = None, name: str | None = None
) -> tuple[np.ndarray, int]:
    """Read an audio file, or the sound of a video, of any format that FFmpeg knows.

    Of a file whose end is missing, what is there is read, and a line says so.

    Parameters
    ----------
    source : Path or callable
        The file, or a function that gives samples (channels, samples) and rate.
    middle : float, optional
        Read so many seconds amid it; else all of it.
    name : str, optional
        What errors call it, by default what the source is.

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
    name = name or source
    with blaming(name):
        read = _call if callable(source) else _read_file
        y, sr = read(source, middle)
    if y.shape[1] == 0:
        raise InputError(f"{name}: the recording is empty; export it again")
    seconds = range(0, y.shape[1], sr)  # a mask of all would be large
    if not all(np.isfinite(y[:, start : start + sr]).all() for start in seconds):
        raise InputError(f"{name}: holds NaN or infinite samples; export it again")
    return y, sr


def _call(source, middle):
    y, sr = source()
    y = np.asarray(y, np.float32)
    length = y.shape[1] if middle is None else round(middle * sr)
    start = max(0, (y.shape[1] - length) // 2)
    return y[:, start : start + length], sr


def _read_file(file, middle):
    header = describe_audio(file)
    if header.missing:
        report_once(f"{file}: {header.missing}")
    length, start = header.frames, 0
    if middle is not None:
        length = min(length, round(middle * header.samplerate))
        start = (header.frames - length) // 2
    if header.seekable:
        with suppress(soundfile.SoundFileError):  # of damage amid the file
            y, sr = soundfile.read(file, length, start, dtype="float32", always_2d=True)
            if len(y) == length:
                return y.T, sr
    y, first = np.zeros((header.channels, length), np.float32), -start - header.delay
    for part in _decoded(file):
        wanted = part[:, max(0, -first) : max(0, length - first)]
        begin = max(0, first)
        y[:, begin : begin + wanted.shape[1]] = wanted
        first += part.shape[1]
        if first >= length:
            break
    else:
        if first < length:
            seconds = (length - first) / header.samplerate
            report_once(
                f"{file}: {seconds:.2f} s of it are damaged and left out; copy it again"
            )
    return y, header.samplerate


def describe_audio(file: Path) -> Header:
    """Find out how long a file is, and at what rate.

    Parameters
    ----------
    file : Path

    Returns
    -------
    Header

    Raises
    ------
    InputError
        The file is not there, or there is no sound in it that can be read.
    """
    file = Path(file)
    with blaming(file):
        _check(file)
        state = file.stat()
        return _describe(file, state.st_size, state.st_mtime_ns)


def _check(file):
    """Say what is wrong with a file that libraries would only say can't be opened."""
    try:
        if not file.exists():
            raise InputError(f"{file}: no such file")
        if not file.is_file():  # a pipe would be waited for
            raise InputError(f"{file}: not a file that can be read; remove it")
        with file.open("rb"):
            str(file).encode()
    except UnicodeEncodeError:
        raise InputError(f"{file}: its name is not in UTF-8; rename it") from None
    except OSError as error:
        raise InputError(
            f"{file}: it can't be opened ({error.strerror}); allow it to be read"
        ) from None


@lru_cache(maxsize=4096)  # to count what a file has, FFmpeg must decode all of it
def _describe(file, size, time_of_change):
    header = None
    if file.suffix.lower() != ".mp3":
        with suppress(soundfile.SoundFileError):
            header = _describe_by_libsndfile(file)
    if header is None or not header.seekable:
        return _describe_by_ffmpeg(file, header)
    if "last pages" in header.missing:  # or it reads one of several streams in a row
        whole = _describe_by_ffmpeg(file, header)
        return whole if whole.duration > header.duration + 0.1 else header
    return header


def _describe_by_libsndfile(file):
    with soundfile.SoundFile(file) as opened:
        sr, channels, frames = opened.samplerate, opened.channels, opened.frames
        seekable = opened.format != "MP3" and frames > 0
        if seekable:
            # its frames are those of the header, which may be more than there are
            opened.seek(frames - 1)
            seekable = len(opened.read(1)) == 1
            # or fewer
            seekable &= opened.format != "FLAC" or _last_of_flac(file) <= frames
        cut = _CUT.search(opened.extra_info)
    missing = ""
    if cut and cut["promised"] is None:
        missing = f"its last pages are missing after {frames / sr:.2f} s; {_USED}"
    elif cut and int(cut["promised"]) < 0x7FFF0000:  # which stand for an unknown length
        promised = frames * int(cut["promised"]) / max(1, int(cut["there"]))
        missing = _shortfall(frames, promised, sr)
    return Header(frames, sr, channels, missing, seekable)


def _last_of_flac(file, tail=1 << 16):
    """Where the last frames of a FLAC file end, as they say; 0 if not known."""
    with file.open("rb") as opened:
        head = bytearray(opened.read(42))
        if head[:4] != b"fLaC":
            return 0
        opened.seek(max(42, file.stat().st_size - tail))
        frames = opened.read()
    head[4] = 0x80  # no other metadata follow the first, which knows no length
    head[21:26] = bytes([head[21] & 0xF0, 0, 0, 0, 0])
    with suppress(av.FFmpegError), av.open(io.BytesIO(head + frames)) as container:
        packets = container.demux(container.streams.audio[0])
        return max(
            (p.pts + p.duration for p in packets if p.pts is not None), default=0
        )
    return 0


# What libsndfile notes of WAV, AIFF and Ogg files that stop before their end.
_CUT = re.compile(
    r"^ ?(data|SSND) : (?P<promised>\d+) \(should be (?P<there>\d+)"
    r"|Junk after the last page",
    re.MULTILINE,
)
_USED = "what is there is used; copy it again"


def _shortfall(frames, promised, sr):
    if promised - frames < 0.1 * sr:
        return ""
    return (
        f"{frames / sr:.2f} of {promised / sr:.2f} s are there: its end is missing; "
        + _USED
    )


def _describe_by_ffmpeg(file, header):
    frames, sr, channels = 0, None, 0
    with suppress(av.FFmpegError):
        for frame in _frames(file):
            if sr is None:
                sr, channels = frame.sample_rate, frame.layout.nb_channels
            frames += frame.samples * sr / frame.sample_rate
    if sr is None and header is not None:
        raise InputError(f"{file}: the recording is empty; export it again")
    if sr is None:
        raise InputError(
            f"{file}: no sound can be read from it; copy it again, or convert it to WAV"
        )
    with _opened(file) as container:
        stream = container.streams.audio[0]
        promised = float((stream.duration or 0) * stream.time_base) * sr
        name, delay = container.format.name, 0
        if name == "mp3":
            delay = round((stream.start_time or 0) * stream.time_base * sr)
            frames -= delay
            # what a header says is believed as far as it explains the last frames
            if delay and 0 <= frames - promised < 3 * MP3_FRAME:
                frames = promised  # the rest is padding
            believed = _mp3_is_cut(file, stream)
        else:
            if re.match("mov", name) and 0 < frames - promised < 3 * AAC_FRAME:
                frames = promised  # the rest is padding
            # of other formats FFmpeg guesses; and what has no room is not believed
            believed = re.match("flac|mov|asf|caf|aiff|matroska", name)
            believed = believed and promised < 1000 * file.stat().st_size
    missing = _shortfall(frames, promised, sr) if believed else ""
    return Header(round(frames), sr, channels, missing, delay=delay)


def _mp3_is_cut(file, stream):
    """Whether it is shorter, in bytes, than the header says that most files have."""
    start = next(stream.container.demux(stream)).pos or 0
    with file.open("rb") as opened:
        beginning = opened.read(start)
    at = max(beginning.rfind(b"Xing"), beginning.rfind(b"Info"))
    if at < 0:
        return False
    flags, *numbers = (
        int.from_bytes(beginning[i : i + 4]) for i in range(at + 4, at + 16, 4)
    )
    has_frames, has_bytes = flags & 1, flags & 2
    spare = 4096  # of other tags
    return bool(has_bytes) and file.stat().st_size - at + spare < numbers[has_frames]


def _opened(file):
    # a list of addresses, under whatever name, is not to be followed
    options = {"protocol_whitelist": "file"}
    return av.open(str(file.absolute()), options=options, metadata_errors="replace")


def _frames(file) -> Iterator[av.AudioFrame]:
    """Decode the first sound track, as far as that can be done."""
    with _opened(file) as container:
        if not container.streams.audio:
            return
        stream = container.streams.audio[0]
        if container.format.name == "mp3":
            # else it skips amid the sound what a wrong header calls padding
            stream.codec_context.flags2 |= Flags2.skip_manual
        with suppress(av.FFmpegError):  # of the container: it ends there
            for packet in container.demux(stream):
                with suppress(av.FFmpegError):  # of what is damaged, or no sound
                    yield from packet.decode()


def _decoded(file) -> Iterator[np.ndarray]:
    """Samples (channels, n) in the format of the first frame, one after the other."""
    converters = {}
    for frame in _frames(file):
        kind = frame.format.name, frame.layout.name, frame.sample_rate
        if kind not in converters:  # it may change amid a file
            _, layout, rate = next(iter(converters), kind)
            converters[kind] = av.AudioResampler("fltp", layout, rate)
        for converted in converters[kind].resample(frame):
            yield converted.to_ndarray()


def mixed_down(y: np.ndarray) -> np.ndarray:
    """Mix channels down to one: their mean, without what is in opposite phase lost.

    A channel that is mostly the loudest one's opposite is turned round first: the mean
    of ``[y, -y]`` would be silence.

    Parameters
    ----------
    y : ndarray, shape (channels, samples)

    Returns
    -------
    ndarray, shape (samples,)
    """
    if len(y) < 2:
        return y.mean(0)
    powers = np.array([channel @ channel for channel in y])
    loudest = y[powers.argmax()]
    products = np.array([channel @ loudest for channel in y])
    likeness = products / (np.sqrt(powers * powers.max()) + 1e-30)
    if (likeness > -0.5).all():
        return y.mean(0)
    turned = np.where(likeness > -0.5, 1, -1).astype(y.dtype)
    return np.tensordot(turned, y, 1) / len(y)


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


_SUFFIXES = {
    *(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc"),
    *(".au", ".snd", ".caf", ".w64", ".rf64", ".m4a", ".m4b", ".aac", ".wma", ".mp2"),
    *(".ac3", ".ape", ".wv", ".tta", ".mka", ".weba", ".wave", ".bwf", ".amr", ".dsf"),
    *(".mp1", ".mpc", ".ra", ".spx", ".voc"),
    # videos, of which the sound is taken
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".wmv", ".mpg", ".mpeg", ".3gp"),
    *(".ts", ".mts", ".m2ts", ".flv", ".f4v", ".ogv"),
}
