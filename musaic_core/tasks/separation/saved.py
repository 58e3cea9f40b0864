"""What a run keeps of separated stems, and what pages show of it."""

from pathlib import Path

import joblib
import numpy as np
import soundfile
import soxr

HIGHEST_RATE = 48_000  # Hz


def save_stems(
    stems: dict[str, np.ndarray], sr: int, folder: Path, seconds: float | None = None
) -> None:
    """Write each stem to ``<name>.ogg``, Ogg Vorbis at some 40 kbit/s a channel.

    What is sampled at more than `HIGHEST_RATE` is written at that: Vorbis has no rates
    above 200 kHz.

    Parameters
    ----------
    stems : dict of str to array, shape (channels, samples)
    sr : int
        Sampling rate, Hz.
    folder : Path
    seconds : float, optional
        Of the middle of the recording; else all of it.
    """
    rate = min(sr, HIGHEST_RATE)

    def write(name, y):
        spare = 0 if seconds is None else max(0, y.shape[1] - int(seconds * sr))
        first, last = spare // 2, y.shape[1] - (spare - spare // 2)
        resampler = soxr.ResampleStream(sr, rate, len(y), "float32")
        with soundfile.SoundFile(
            folder / f"{name}.ogg",
            "w",
            samplerate=rate,
            channels=len(y),
            format="OGG",
            subtype="VORBIS",
            compression_level=0.8,
        ) as file:
            for start in range(first, last, sr):  # libsndfile fails on minutes
                stop = min(start + sr, last)
                second = np.ascontiguousarray(y[:, start:stop].T, np.float32)
                if rate != sr:
                    second = resampler.resample_chunk(second, last=stop == last)
                file.write(second)

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
