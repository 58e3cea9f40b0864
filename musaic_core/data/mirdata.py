"""Corpora that mirdata has: where their files lie, and annotations in their own forms.

mirdata knows what each corpus consists of, file by file, by an index with checksums.

References
----------
Bittner et al., "mirdata: Software for reproducible usage of datasets", ISMIR 2019.
"""

import importlib
from pathlib import Path
from typing import Any

import pandas as pd

from musaic_core.data.errors import InputError


def load_index(name: str, folder: Path, version: str = "default") -> Any:
    """Let mirdata say what a corpus consists of.

    Parameters
    ----------
    name : str
        Of mirdata's loader.
    folder : Path
        Where the corpus lies.
    version : str
        Of the corpus.

    Returns
    -------
    mirdata.core.Dataset
        Its tracks have paths of files, which need not be there.

    Raises
    ------
    InputError
        mirdata or its index of the corpus is not there.
    """
    try:
        import mirdata
    except ImportError:
        raise InputError(
            f"{name} is read by mirdata: pip install mirdata, or install this project "
            "with its extra [corpora]"
        ) from None
    corpus = mirdata.initialize(name, data_home=str(folder), version=version)
    if not Path(corpus.index_path).exists():
        raise InputError(
            f"mirdata has no index of {name} yet; this gets it: "
            f'python -c "import mirdata; mirdata.initialize({name!r}, '
            f"data_home={str(folder)!r}, version={version!r}).download(['index'])\""
        )
    return corpus


def present(path: str | None) -> Path | None:
    """Say where a file lies that mirdata's index names.

    Parameters
    ----------
    path : str or None
        Of mirdata; None where the corpus has no such file.

    Returns
    -------
    Path or None
        None if it is not there.
    """
    return Path(path) if path is not None and Path(path).exists() else None


def read_beats(loader: str, file: Path) -> pd.DataFrame:
    """Read beats by one of mirdata's loaders.

    Parameters
    ----------
    loader : str
        Its name.
    file : Path

    Returns
    -------
    DataFrame
        ``time`` (s) and ``position`` in the bar, 1 on downbeats.
    """
    beats = _loader(loader).load_beats(str(file))
    table = pd.DataFrame({"time": beats.times, "position": beats.positions})
    return table.sort_values("time").drop_duplicates("time").reset_index(drop=True)


def read_sections(loader: str, file: Path) -> pd.DataFrame:
    """Read sections by one of mirdata's loaders.

    Parameters
    ----------
    loader : str
        Its name.
    file : Path

    Returns
    -------
    DataFrame
        ``start`` (s), ``end`` (s), ``label``.

    Raises
    ------
    InputError
        The file is empty, as some are.
    """
    sections = _loader(loader).load_sections(str(file))
    if sections is None:
        raise InputError(f"{file}: it is empty; it has no sections")
    start, end = sections.intervals.T
    return pd.DataFrame({"start": start, "end": end, "label": sections.labels})


def _loader(name):
    return importlib.import_module(f"mirdata.datasets.{name}")
