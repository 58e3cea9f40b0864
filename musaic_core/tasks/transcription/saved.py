"""What a run keeps of a transcription, and what pages show of it."""

from pathlib import Path

import numpy as np

from musaic_core.data.notes import Notes, compare, write_midi
from musaic_core.results.saved import save_factors
from musaic_core.tasks.base import Model
from musaic_core.tasks.transcription.spectrogram import FRAME, band_frequencies


def save_notes(
    estimate: Notes, reference: Notes | None, factors: Model | None, folder: Path
) -> None:
    """Save notes, the annotated ones beside them, and the factors, if there are some.

    Parameters
    ----------
    estimate : Notes
    reference : Notes or None
    factors : Model or None
        Activations in time, with the MIDI number of each template.
    folder : Path
        For ``estimate.mid``, ``notes.npz`` and ``factors.npz``.
    """
    write_midi(estimate, folder / "estimate.mid")
    tables = {"estimate": estimate.table()}
    if reference is not None:
        tables["reference"] = reference.table()
    np.savez(folder / "notes.npz", **tables)
    if factors is not None:
        file = folder / "factors.npz"
        save_factors(factors, factors.labels, band_frequencies(), FRAME, file)


def saved_media(folder: Path) -> dict:
    """What a page shows of what `save_notes` saved.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    dict
        As `musaic_core.benchmark.objective.Objective.media` gives it.
    """
    media = {}
    if (folder / "notes.npz").exists():
        with np.load(folder / "notes.npz") as notes:
            media["notes"] = compare(notes["estimate"], notes.get("reference"))
            if "reference" in notes:
                media["reference_notes"] = notes["reference"]
    if (folder / "factors.npz").exists():
        media["factors"] = folder / "factors.npz"
    return media
