"""What hearing bars costs: ``python -m tools.bars [--csv FILE] [FOLDER ...]``.

Downbeats are heard as `msa` hears them, by madmom where that is installed, and as every
fourth of librosa's beats; or they are annotated. For each are printed the F-measure of
the downbeats, within 70 ms, that of the boundaries, within 3 s, that `barwise_ssm`
finds in the bars, and the seconds that hearing takes a minute of music. F-measures are
means over the test songs of the embedded corpus, and over the recordings in each folder
whose downbeats or sections are annotated. With ``--csv``, the table is written to a
file, which a page shows.
"""

import time
from collections import defaultdict
from pathlib import Path

import click
import joblib
import librosa
import mir_eval
import numpy as np
import pandas as pd

from musaic_core.benchmark.digest import versions
from musaic_core.data.corpus import read_corpus, read_recordings
from musaic_core.tasks.madmom import MADMOM
from musaic_core.tasks.structure.downbeats import hear_downbeats, madmom_downbeats
from musaic_core.tasks.structure.features import HOP, SAMPLE_RATE, mono
from musaic_core.tasks.structure.scores import boundary_f1
from musaic_core.tasks.structure.task import Structure
from tools.weights import MINI


def every_fourth_beat(y: np.ndarray, sr: int) -> np.ndarray:
    """Every fourth of librosa's beats, from the one that makes the strongest onsets.

    Parameters
    ----------
    y : ndarray, shape (channels, samples)
    sr : int
        Sampling rate, Hz.

    Returns
    -------
    ndarray
        Times, s.

    References
    ----------
    Ellis, "Beat tracking by dynamic programming", Journal of New Music Research 36 (1),
    2007.
    """
    strength = librosa.onset.onset_strength(y=mono(y, sr), sr=SAMPLE_RATE)
    _, beats = librosa.beat.beat_track(onset_envelope=strength, sr=SAMPLE_RATE)
    if len(beats) < 4:
        return np.zeros(0)
    phases = [strength[beats[k::4]].mean() for k in range(4)]
    return beats[int(np.argmax(phases)) :: 4] * HOP / SAMPLE_RATE


def remembered(hear):
    """The same function, which hears each recording once."""
    known = {}

    def heard(y, sr):
        key = joblib.hash(y)
        if key not in known:
            known[key] = hear(y, sr)
        return known[key]

    return heard


def measure(hear, train: list, corpora: dict, told: bool = False) -> dict:
    """Score the downbeats that are heard, and the boundaries that are found in bars.

    Parameters
    ----------
    hear : callable
        Takes samples and rate, gives times of downbeats.
    train : list of Track
    corpora : dict of str to list of Track
    told : bool
        Whether bars are annotated: corpora in which some are not are then left out.

    Returns
    -------
    dict
        By corpus, mean F-measures of ``downbeats`` and ``boundaries``, where there are
        references; and ``seconds a minute`` of music, where bars are heard.
    """
    hear, row, seconds, minutes = remembered(hear), {}, 0.0, 0.0
    tracks = [track for test in corpora.values() for track in test]
    downbeats = {track.id: track.downbeats for track in tracks} if told else None
    task = Structure(train, [], hear=hear, downbeats=downbeats)
    decode = task.tune(lambda track: task.represent(track).T)
    for corpus, test in corpora.items():
        if told and any(track.downbeats is None for track in test):
            continue
        scores = defaultdict(list)
        for track in test:
            audio, begin = track.audio(), time.process_time()
            if not told:
                found = hear(*audio)
                seconds += time.process_time() - begin
                minutes += track.duration / 60
                if track.downbeats is not None:
                    f = mir_eval.beat.f_measure(track.downbeats, found)
                    scores["downbeats"].append(f)
            if track.sections is not None:
                sections, _ = decode(task.represent(track).T, track)
                f = boundary_f1(track.sections, sections)[1]
                scores["boundaries"].append(f)
        for name, values in scores.items():
            row[f"{corpus}: {name}"] = np.mean(values)
    return row | ({"seconds a minute": seconds / minutes} if minutes else {})


@click.command()
@click.argument("folders", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--csv", "file", type=click.Path(path_type=Path))
def main(folders: tuple[Path, ...], file: Path | None) -> None:
    """Print the table, and write it to a file."""
    train = read_corpus(MINI / "songs" / "train-unseen")
    corpora = {"mini songs": read_corpus(MINI / "songs" / "test")}
    corpora |= {folder.name: read_recordings(folder) for folder in folders}
    rows = {
        "every fourth of librosa's beats": measure(every_fourth_beat, train, corpora),
        "heard": measure(hear_downbeats, train, corpora),
    }
    if versions([MADMOM])[MADMOM]:
        rows["madmom"] = measure(madmom_downbeats, train, corpora)
    rows["annotated"] = measure(hear_downbeats, train, corpora, told=True)
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("bars")
    print(table.round(2).T.to_string())
    if file:
        table.to_csv(file, float_format="%.2f", na_rep="–", encoding="utf-8")


if __name__ == "__main__":
    main()
