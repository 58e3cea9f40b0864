"""What a run keeps of separated stems, and what pages show of it."""

from pathlib import Path

import joblib
import numpy as np
import soundfile


def save_stems(
    stems: dict[str, np.ndarray], sr: int, folder: Path, seconds: float | None = None
) -> None:
    """Write each stem to ``<name>.ogg``, Ogg Vorbis at some 40 kbit/s a channel.

    Parameters
    ----------
    stems : dict of str to ndarray, shape (channels, samples)
    sr : int
        Sampling rate, Hz.
    folder : Path
    seconds : float, optional
        Of the middle of the recording; else all of it.
    """

    def write(name, y):
        spare = 0 if seconds is None else max(0, y.shape[1] - int(seconds * sr))
        y = y[:, spare // 2 : y.shape[1] - (spare - spare // 2)]
        with soundfile.SoundFile(
            folder / f"{name}.ogg",
            "w",
            samplerate=sr,
            channels=len(y),
            format="OGG",
            subtype="VORBIS",
            compression_level=0.8,
        ) as file:
            for start in range(0, y.shape[1], sr):  # libsndfile fails on minutes
                file.write(y[:, start : start + sr].T)

    joblib.Parallel(-1, "threading")(
        joblib.delayed(write)(name, y) for name, y in stems.items()
    )


def saved_media(folder: Path) -> dict:
    """What a page shows of what was saved of an answer.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    dict
        As `musaic_core.benchmark.objective.Objective.media` gives it.
    """
    stems = {file.stem: file for file in sorted(folder.glob("*.ogg"))}
    media = {"stems": stems} if stems else {}
    if (folder / "factors.npz").exists():
        media["factors"] = folder / "factors.npz"
    return media
