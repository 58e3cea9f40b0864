"""What it gains to say when a voice is alone: ``python -m tools.alone FOLDER …``.

Each folder holds recordings, a folder of stems each, one of them ``vocals``. All other
stems are silenced in the ten seconds in which the voice is loudest. The studio is asked
for the stems of what is left, and again once it is told that the voice is alone in
these seconds. Both answers are scored where the voice was not said to be alone, by the
SDR of the vocals: the median over windows of a second. With ``--n N``, only the first
N recordings of a folder are heard; what is shorter than 15 s is left out. Writes
docs/measured/alone.csv.
"""

import argparse
import csv
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from musaic_core.data.corpus import read_recordings
from musaic_core.data.recording import Track
from musaic_core.studio.models import questions
from musaic_core.studio.session import Session
from musaic_core.tasks.separation.scores import mean_sdr

FILE = Path(__file__).resolve().parent.parent / "docs" / "measured" / "alone.csv"
SECONDS = 10  # in which the voice is alone
MARGIN = 0.5  # s beside these that are not scored either
SHORTEST = 15  # s, of what is heard
HEAD = ["recording", "model", "before, dB", "after, dB", "gain, dB"]


def with_a_voice_alone(track: Track) -> tuple[np.ndarray, np.ndarray, int]:
    """Silence all but the voice in the ten seconds in which it is loudest.

    Parameters
    ----------
    track : Track
        With stems, one of which is ``vocals``.

    Returns
    -------
    y : ndarray, shape (channels, samples)
        The mixture.
    vocals : ndarray, shape (channels, samples)
    begin : int
        The second in which the voice begins to be alone.
    """
    stems, sr = track.stems(), track.rate
    vocals = stems["vocals"]
    n = vocals.shape[1] // sr
    power = (vocals[:, : n * sr] ** 2).reshape(-1, n, sr).sum((0, 2))
    begin = int(np.argmax(np.convolve(power, np.ones(SECONDS), "valid")))
    others = sum(y for name, y in stems.items() if name != "vocals")
    others[:, begin * sr : (begin + SECONDS) * sr] = 0
    return vocals + others, vocals, begin


def gain(track: Track, model: str, known: dict, folder: Path) -> tuple[float, float]:
    """SDR of the vocals elsewhere, before the studio is told and after.

    Parameters
    ----------
    track : Track
    model : str
    known : dict of str to Question
    folder : Path
        A temporary one.

    Returns
    -------
    before, after : float
        dB.
    """
    y, vocals, begin = with_a_voice_alone(track)
    sr, file = track.rate, folder / "song.wav"
    soundfile.write(file, y.T, sr, "FLOAT")
    session = Session(file, file.name, folder, known, folder)
    times = np.arange(y.shape[1]) / sr
    counts = (times < begin - MARGIN) | (times > begin + SECONDS + MARGIN)

    def score():
        session.make_sure()
        estimate = np.asarray(session.shown().analysis.answer["vocals"])
        return mean_sdr(vocals[None][..., counts], estimate[None][..., counts], sr)

    session.ask("stems", model)
    before = score()
    told = {"label": "vocals", "start": begin, "end": begin + SECONDS, "sounds": True}
    session.change(session.version, {"hint": told})
    return before, score()


def measured(folder: Path, n: int | None = None) -> Iterator[list]:
    """Rows of the table.

    Parameters
    ----------
    folder : Path
    n : int, optional
        Recordings that are heard at most.

    Yields
    ------
    list
        As `HEAD` names them.
    """
    known = questions()
    found = [track for track in read_recordings(folder) if track.duration > SHORTEST]
    for track in [t for t in found if "vocals" in t.stem_files][:n]:
        for model in known["stems"].models:
            with tempfile.TemporaryDirectory() as temporary:
                before, after = gain(track, model, known, Path(temporary))
            gained = round(after - before, 1) + 0.0  # no -0.0
            told = f"{before:.1f}", f"{after:.1f}", f"{gained:+.1f}"
            yield [track.id, f"`{model}`", *told]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--n", type=int)
    told = parser.parse_args()
    rows = [row for folder in told.folders for row in measured(folder, told.n)]
    with FILE.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([HEAD, *rows])


if __name__ == "__main__":
    main()
