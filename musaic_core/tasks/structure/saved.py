"""What a run keeps of sections, and what pages show of it."""

from pathlib import Path

import numpy as np
import pandas as pd


def save_sections(
    sections: pd.DataFrame, evidence, reference: pd.DataFrame | None, folder: Path
) -> None:
    """Save sections, and the self-similarity that they were found in, if any.

    Parameters
    ----------
    sections : DataFrame
        ``start`` (s), ``end`` (s), ``label``.
    evidence : musaic_core.tasks.structure.task.Evidence or None
    reference : DataFrame or None
        The annotated sections.
    folder : Path
        For ``estimate.lab``, and ``structure.npz``: ``estimated`` and ``reference``
        boundaries (s, the last end included) with ``estimated_labels`` and
        ``reference_labels``; ``bars`` (s) and their ``similarity``, as integers from 0
        (the least) to 255.
    """
    write_sections(sections, folder / "estimate.lab")
    arrays = {}
    for name, table in (("estimated", sections), ("reference", reference)):
        if table is not None:
            arrays[name] = [*table["start"], table["end"].iloc[-1]]
            arrays[f"{name}_labels"] = table["label"].astype(str).to_list()
    if evidence is not None:
        similarity = evidence.similarity
        low, high = similarity.min(), similarity.max()
        scaled = 255 * (similarity - low) / ((high - low) or 1)
        arrays |= {"similarity": scaled.round().astype(np.uint8), "bars": evidence.bars}
    np.savez_compressed(folder / "structure.npz", **arrays)


def write_sections(sections: pd.DataFrame, file: Path) -> None:
    """Write sections, one a line: start (s), end (s) and label.

    Parameters
    ----------
    sections : DataFrame
        ``start`` (s), ``end`` (s), ``label``.
    file : Path
        Such as ``song.lab``.
    """
    how = {"sep": "\t", "header": False, "index": False, "float_format": "%.4f"}
    sections.to_csv(file, encoding="utf-8", **how)


def saved_media(folder: Path) -> dict:
    """What a page shows of what `save_sections` saved.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    dict
        As `musaic_core.benchmark.objective.Objective.media` gives it.
    """
    file = folder / "structure.npz"
    if not file.exists():
        return {}
    media, names = {}, {"estimated": "sections", "reference": "reference_sections"}
    with np.load(file) as saved:
        for name, key in names.items():
            if name in saved:
                times, labels = saved[name].tolist(), saved[f"{name}_labels"].tolist()
                media[key] = list(zip(times[:-1], times[1:], labels, strict=True))
    return media


def section_patterns(factorization, bars: np.ndarray, sections: pd.DataFrame):
    """What an NTD's core says of each section: which spectra sound in which rhythms.

    A slice of the core is a pattern: how much of each template (F, R₁) each template
    in time (96, R₂) has. A section has the mean of the patterns of its bars.

    Parameters
    ----------
    factorization : NTD
        Of a tensor frequency × time in bar × bar.
    bars : ndarray, shape (B + 1,)
        Times, s.
    sections : DataFrame
        ``start`` (s), ``end`` (s), ``label``.

    Returns
    -------
    ndarray, shape (sections, R₁, R₂)
        In units of the factors' norms. Templates are in the order of their mean
        frequency, templates in time in that of their mean time.
    """
    W, H, Q = (np.asarray(factor) for factor in factorization.factors)
    norms = np.outer(np.linalg.norm(W, axis=0), np.linalg.norm(H, axis=0))
    core = np.asarray(factorization.core) * norms[..., None]
    middles = (bars[:-1] + bars[1:]) / 2
    inside = (sections["start"].to_numpy()[:, None] <= middles) & (
        middles < sections["end"].to_numpy()[:, None]
    )
    means = inside @ Q / np.maximum(inside.sum(1, keepdims=True), 1)
    patterns = np.einsum("pqk,sk->spq", core, means)
    return patterns[:, _by_centre(W)][:, :, _by_centre(H)]


def _by_centre(factor):
    """Order of the columns by where their weight lies."""
    rows = np.arange(len(factor))
    return np.argsort(rows @ factor / np.maximum(factor.sum(0), 1e-12), kind="stable")


def save_patterns(model, bars: np.ndarray, sections: pd.DataFrame, file: Path) -> None:
    """Save `section_patterns` with the sections' starts and labels.

    Parameters
    ----------
    model : NTD
        Of a tensor frequency × time in bar × bar.
    bars : ndarray, shape (B + 1,)
        Times, s.
    sections : DataFrame
        ``start`` (s), ``end`` (s), ``label``.
    file : Path
        A NumPy ``.npz`` file.
    """
    patterns = section_patterns(model, bars, sections)
    np.savez_compressed(
        file,
        patterns=(patterns / (patterns.max() or 1)).astype(np.float16),
        starts=sections["start"],
        labels=sections["label"].to_list(),
    )
