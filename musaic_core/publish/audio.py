"""Audio as a page plays and draws it: Ogg Opus, and the waveform's envelope."""

import io
from itertools import pairwise
from pathlib import Path

import librosa
import numpy as np
import soundfile

from musaic_core.data.audio import mixed_down
from musaic_core.publish.pack import write_once

RATE = 24000  # Hz, of published audio
PEAKS = 800  # points of a waveform


def write_audio(y: np.ndarray, sr: int, folder: Path) -> str:
    """Write audio once, under a name that its samples give it.

    Parameters
    ----------
    y : ndarray of float32, shape (channels, samples)
        The samples, from -1 to 1.
    sr : int
        Sampling rate, Hz.
    folder : Path
        It is made if it is not there.

    Returns
    -------
    str
        The file's name.
    """
    return write_once(y.tobytes(), folder, lambda _: encode_audio(y, sr))


def peaks(y: np.ndarray) -> list[int]:
    """The waveform's envelope.

    Parameters
    ----------
    y : ndarray, shape (channels, samples)
        It may lie in a file: a part at a time is read.

    Returns
    -------
    list of int
        In per cent of its maximum.
    """
    parts = pairwise(np.linspace(0, y.shape[1], PEAKS + 1).astype(int).tolist())
    level = np.array([np.abs(y[:, a : max(b, a + 1)]).max() for a, b in parts])
    return np.round(100 * level / (level.max() or 1.0)).astype(int).tolist()


def encode_audio(y: np.ndarray, sr: int) -> bytes:
    """Mono audio as Ogg Opus at some 16 kbit/s.

    Of the formats that soundfile writes, Opus is the smallest, and browsers decode it
    to the sample, which MP3's encoder delay rules out (1105 samples in Chromium).

    Parameters
    ----------
    y : ndarray of float, shape (channels, samples)
        The samples, from -1 to 1; beyond, they are clipped.
    sr : int
        Sampling rate, Hz.

    Returns
    -------
    bytes
        The same for the same samples.
    """
    mono = librosa.resample(mixed_down(y), orig_sr=sr, target_sr=RATE)
    file = io.BytesIO()
    with soundfile.SoundFile(
        file,
        "w",
        samplerate=RATE,
        channels=1,
        format="OGG",
        subtype="OPUS",
        compression_level=0.965,
    ) as ogg:
        for start in range(0, len(mono), RATE):  # libsndfile fails on minutes
            ogg.write(np.clip(mono[start : start + RATE], -1, 1))
    return with_serial(file.getvalue(), 1)


def with_serial(ogg: bytes, serial: int) -> bytes:
    """Give an Ogg stream another serial number.

    libsndfile draws the number at random, for streams that are to be joined; published
    files are not, and come out the same each time with a fixed one.

    Parameters
    ----------
    ogg : bytes
        One logical stream.
    serial : int
        The 32-bit number that all its pages are to have.

    Returns
    -------
    bytes
        The stream, its pages' checksums computed anew.

    References
    ----------
    S. Pfeiffer: The Ogg Encapsulation Format Version 0. RFC 3533 (2003), section 6.
    """
    stream, start = bytearray(ogg), 0
    while start < len(stream):
        n_segments = stream[start + 26]
        body = start + 27 + n_segments
        end = body + sum(stream[start + 27 : body])
        stream[start + 14 : start + 18] = serial.to_bytes(4, "little")
        stream[start + 22 : start + 26] = bytes(4)  # is 0 while it is computed
        checksum = _checksum(stream[start:end])
        stream[start + 22 : start + 26] = checksum.to_bytes(4, "little")
        start = end
    return bytes(stream)


def _checksum(page):
    """CRC-32 with Ogg's polynomial, from the highest bit, without a final inversion."""
    value = 0
    for byte in page:
        value = (value << 8 & 0xFFFFFFFF) ^ _CRC[value >> 24 ^ byte]
    return value


def _crc_of(byte):
    value = byte << 24
    for _ in range(8):
        value = value << 1 ^ (0x104C11DB7 if value & 0x80000000 else 0)
    return value


_CRC = [_crc_of(byte) for byte in range(256)]
