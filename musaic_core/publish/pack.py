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
from pathlib import Path

import librosa
import numpy as np
import plotly.offline
import soundfile
from PIL import Image

RATE = 24000  # Hz, of published audio


def write_packed(data: bytes, file: Path) -> None:
    """Write bytes as a script."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f'unpack("{base64.b64encode(data).decode()}")')


def write_once(content: bytes, folder: Path, encode) -> str:
    """Write ``encode(content)`` to a file named by the content's digest.

    What is alike, as two solvers' answers may be, is one file.
    """
    name = f"{hashlib.sha256(content).hexdigest()[:16]}.js"
    if not (folder / name).exists():
        write_packed(encode(content), folder / name)
    return name


def write_audio(y: np.ndarray, sr: int, folder: Path) -> str:
    """Write audio (channels, samples) once; give the file's name."""
    # of the samples: Ogg files carry a random number
    return write_once(y.tobytes(), folder, lambda _: encode_audio(y, sr))


def compress(data: bytes) -> bytes:
    """Compress by gzip, the same bytes each time."""
    return gzip.compress(data, 9, mtime=0)


def encode_audio(y: np.ndarray, sr: int) -> bytes:
    """Mono audio as Ogg Opus at some 16 kbit/s.

    Of the formats that soundfile writes, Opus is the smallest, and browsers decode it
    to the sample, which MP3's encoder delay rules out (1105 samples in Chromium).

    Parameters
    ----------
    y : ndarray, shape (channels, samples)
    sr : int
        Hz.
    """
    mono = librosa.resample(y.mean(0), orig_sr=sr, target_sr=RATE)
    file = io.BytesIO()
    soundfile.write(
        file,
        np.clip(mono, -1, 1),
        RATE,
        format="OGG",
        subtype="OPUS",
        compression_level=0.965,
    )
    return file.getvalue()


def write_plotly(file: Path) -> None:
    """Write the Plotly of the Python package, packed."""
    write_packed(compress(plotly.offline.get_plotlyjs().encode()), file)


def write_report(source: Path, file: Path, results: str) -> None:
    """Copy benchopt's report so that it asks no other machine for anything.

    Scripts and styles from elsewhere are replaced by those in ``static/report.js``
    and the packed Plotly; pictures become WebP; piano rolls, which are most of the
    page, are left to the pages of the recordings. The copy is packed as well.

    Parameters
    ----------
    source, file : Path
        benchopt's page, and the copy.
    results : str
        Name of the results file that lies beside the copy.
    """
    text = _without_piano_rolls(source.read_text())
    text = re.sub(r'<link\b[^>]*href="https?://[^>]*>', "", text)
    text = re.sub(r'<script src="https?://[^>]*></script>', "", text)
    text = re.sub(r"data:image/png;base64,([\w+/=]+)", _as_webp, text)
    text = re.sub(r'href="[\w.-]+\.parquet"', f'href="{results}"', text)
    # benchopt's list of runs is not published; the benchmark's own page is
    text = re.sub(r'href="\w+\.html"', f'href="../benchmarks/{file.stem}.html"', text)
    write_packed(compress(text.encode()), file.with_suffix(".js"))
    file.write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>benchopt</title>'
        '<script src="../static/pack.js"></script>'
        '<script src="../static/report.js"></script>'
        f"<script>openReport({json.dumps(file.stem + '.js')})</script></html>"
    )


def _without_piano_rolls(text):
    text = re.sub(r'<option value="piano_roll">.*?</option>', "", text, flags=re.S)
    before, mark, after = text.partition("window._plots = ")
    if not mark:
        return text
    plots, end = json.JSONDecoder().raw_decode(after)
    kept = {key: plots[key] for key in plots if not key.startswith("piano_roll")}
    return before + mark + json.dumps(kept).replace("<", r"\u003c") + after[end:]


def _as_webp(match):
    picture = Image.open(io.BytesIO(base64.b64decode(match[1]))).convert("RGB")
    picture.thumbnail((240, 240))
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=25)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
