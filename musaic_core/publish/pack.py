"""Data that a page can read from a file system, where browsers forbid requests.

A script file calls ``unpack`` with its content in base64, so loading the script is
reading the data; `static/pack.js` has the other half.
"""

import base64
import gzip
import hashlib
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
import plotly.offline
import soundfile
from PIL import Image

from musaic_core.data.audio import mixed_down

RATE = 24000  # Hz, of published audio
LARGEST = 1_000_000  # bytes of a figure of a report, uncompressed


def write_text(text: str, file: Path) -> None:
    """Write a text file: the same bytes on every system.

    Parameters
    ----------
    text : str
        With line ends as Python has them; they stay so.
    file : Path
        In a folder that is made if it is not there.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", newline="\n")


def write_packed(data: bytes, file: Path) -> None:
    """Write bytes as a script.

    Parameters
    ----------
    data : bytes
        What the page's script is to get.
    file : Path
        In a folder that is made if it is not there.
    """
    write_text(f'unpack("{base64.b64encode(data).decode()}")', file)


def write_once(content: bytes, folder: Path, encode: Callable[[bytes], bytes]) -> str:
    """Write ``encode(content)`` to a file named by the content's digest.

    What is alike, as two solvers' answers may be, is one file.

    Parameters
    ----------
    content : bytes
        What tells one file from another.
    folder : Path
        It is made if it is not there.
    encode : callable
        Takes the content and gives the bytes to write.

    Returns
    -------
    str
        The file's name.
    """
    name = f"{hashlib.sha256(content).hexdigest()[:16]}.js"
    if not (folder / name).exists():
        write_packed(encode(content), folder / name)
    return name


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


def compress(data: bytes) -> bytes:
    """Compress by gzip, to the same bytes each time.

    Parameters
    ----------
    data : bytes
        Of any kind.

    Returns
    -------
    bytes
        As gzip writes them, without a time.
    """
    return gzip.compress(data, 9, mtime=0)


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


def write_plotly(file: Path) -> None:
    """Write the Plotly of the Python package, packed.

    Parameters
    ----------
    file : Path
        The script to write.
    """
    write_packed(compress(plotly.offline.get_plotlyjs().encode()), file)


def write_report(source: Path, file: Path, results: str) -> None:
    """Copy benchopt's report so that it asks no other machine for anything.

    Scripts and styles from elsewhere are replaced by those in ``static`` and the packed
    Plotly; pictures become WebP; figures that are large even so, which show what the
    pages of the recordings show as well, are left out. The copy is packed as well.

    Parameters
    ----------
    source : Path
        The page that benchopt made.
    file : Path
        The copy, which loads its content from a script of the same name beside it.
    results : str
        Name of the results file that lies beside the copy.
    """
    text = source.read_text(encoding="utf-8", errors="replace")
    text = re.sub(r'<link\b[^>]*href="https?://[^>]*>', "", text)
    text = re.sub(r'<script src="https?://[^>]*></script>', "", text)
    text = re.sub(r"data:image/png;base64,([\w+/=]+)", _as_webp, text)
    text = _without_large_figures(text)
    text = re.sub(r'href="[\w.-]+\.parquet"', f'href="{results}"', text)
    # benchopt's list of runs is not published; the benchmark's own page is
    text = re.sub(r'href="\w+\.html"', f'href="../benchmarks/{file.stem}.html"', text)
    write_packed(compress(text.encode()), file.with_suffix(".js"))
    write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>benchopt</title>'
        '<script src="../static/pack.js"></script>'
        '<script src="../static/gridjs.js"></script>'
        '<script src="../static/report.js"></script>'
        f"<script>openReport({json.dumps(file.stem + '.js')})</script></html>",
        file,
    )


def _without_large_figures(text):
    before, mark, after = text.partition("window._plots = ")
    if not mark:
        return text
    plots, end = json.JSONDecoder().raw_decode(after)
    sizes = {name: len(json.dumps(plot)) for name, plot in plots.items()}
    for name in [name for name in plots if sizes[name] > LARGEST]:
        plots.pop(name)
        option = rf'<option value="{re.escape(name)}">.*?</option>'
        before = re.sub(option, "", before, flags=re.S)
        after = after[:end] + re.sub(option, "", after[end:], flags=re.S)
    return before + mark + json.dumps(plots).replace("<", r"\u003c") + after[end:]


def _as_webp(match):
    picture = Image.open(io.BytesIO(base64.b64decode(match[1]))).convert("RGB")
    picture.thumbnail((240, 240))
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=25)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
