"""Data that a page can read from a file system, where browsers forbid requests.

A script file calls ``unpack`` with its content in base64, so loading the script is
reading the data; `static/pack.js` has the other half.
"""

import base64
import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import plotly.offline


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


def write_plotly(file: Path) -> None:
    """Write the Plotly of the Python package, packed.

    Parameters
    ----------
    file : Path
        The script to write.
    """
    write_packed(compress(plotly.offline.get_plotlyjs().encode()), file)
