"""Base class of the datasets of real corpora, which lie on the user's disk."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import benchopt
from benchopt.config import get_data_path

from musaic_core.benchmark.choice import check_paths, runs_all
from musaic_core.data.corpus import read_corpus
from musaic_core.data.errors import InputError, blaming
from musaic_core.data.recording import Track

MINI = Path(__file__).resolve().parents[2] / "datasets" / "mini"
check_paths()


@dataclass(frozen=True)
class About:
    """What `docs/corpora.md` says of a corpus.

    Parameters
    ----------
    title : str
        The corpus's own name.
    paper : str
        Who made it, and when.
    knows : tuple of str
        What it knows of its recordings: notes, f0, stems, beats, sections, chords, and
        what their tags say.
    recordings, hours, size : str
        How many, how long, and how large what is downloaded is; empty if not known.
    licence : str
    source : str
        Where to get it.
    layout : str
        What the folder holds.
    split : str
        What is learned from, and what is scored.
    published : tuple of str
        Scores to compare with, and where they stand.
    """

    title: str
    paper: str
    knows: tuple[str, ...]
    recordings: str
    hours: str
    size: str
    licence: str
    source: str
    layout: str
    split: str
    published: tuple[str, ...] = ()


class Corpus(benchopt.BaseDataset):
    """A corpus in a folder, in the layout that it is distributed in.

    A subclass says what it is ``about``, and lists its tracks in ``read(folder)``, as
    ``get_data`` gives them. The folder is ``path``, or benchopt's data path of the
    corpus's name. ``tracks`` and ``train_tracks`` take so many of the recordings that
    are scored and learned from, evenly spaced; by default all.
    """

    # a run of all corpora has none of them
    parameters = {
        "path": [] if runs_all("dataset") else [None],
        "tracks": [None],
        "train_tracks": [None],
    }
    requirements = []
    about: About

    def get_data(self):
        try:
            folder = Path(str(self.path or get_data_path(self.name))).expanduser()
            if not folder.exists():
                raise InputError(f"{folder} is not there; {self._how_to_get_it()}")
            with blaming(folder):
                data = {"isolated": [], **self.read(folder)}
            if not data["test"]:
                raise InputError(
                    f"{folder} has no recording of {self.about.title}, which is: "
                    f"{self.about.layout}; {self._how_to_get_it()}"
                )
        except InputError as error:
            return {"missing": str(error)}
        data["test"] = spread(data["test"], self.tracks)
        is_same = data.get("leave_one_out")
        limited = data["test"] if is_same else spread(data["train"], self.train_tracks)
        return data | {"train": limited}

    def read(self, folder):
        """List the tracks that lie in a folder.

        Parameters
        ----------
        folder : Path

        Returns
        -------
        dict
            As ``get_data`` gives it.
        """
        raise NotImplementedError

    def _how_to_get_it(self):
        return (
            f"get {self.about.title} from {self.about.source}, and name its folder: "
            f"-d \"{self.name}[path='/my/folder']\" (docs/corpora.md says more)"
        )


def spread(tracks: list[Track], n: int | None) -> list[Track]:
    """Take so many of some tracks, evenly spaced.

    Parameters
    ----------
    tracks : list of Track
    n : int or None
        None takes all.

    Returns
    -------
    list of Track
    """
    if n is None or n >= len(tracks):
        return tracks
    return [tracks[i * len(tracks) // n] for i in range(n)]


def from_mini(part: str) -> dict[str, list[Track]]:
    """List what may be learned from a part of the embedded corpus.

    Parameters
    ----------
    part : str
        Such as piano.

    Returns
    -------
    dict of str to list of Track
        ``train`` and ``isolated`` of a dataset, in both timbres.

    Raises
    ------
    InputError
        There is no such part.
    """
    parts = sorted(folder.name for folder in MINI.iterdir() if folder.is_dir())
    if part not in parts:
        raise InputError(f"learn_from={part}: choose {', '.join(parts)}")

    def read_all(pattern):
        folders = sorted((MINI / part).glob(pattern))
        return [track for folder in folders for track in read_corpus(folder)]

    return {"train": read_all("train-*"), "isolated": read_all("notes-*")}


def have_in_common(train: Iterable[Track], test: Iterable[Track]) -> bool:
    """Say whether a recording is both learned from and scored on, or a copy of it.

    Parameters
    ----------
    train, test : iterable of Track

    Returns
    -------
    bool
        Whatever the copy is called. Of recordings whose files have other sizes, nothing
        is read: an hour of music is not, to be told from the embedded corpus.
    """
    of_size = defaultdict(list)
    for track in train:
        of_size[_sizes(track)].append(track)
    of_size.pop((), None)  # links to nothing are not the same recording
    return any(
        track.sound == other.sound
        for track in test
        for other in of_size.get(_sizes(track), ())
    )


def _sizes(track):
    return tuple(sorted(f.stat().st_size for f in track.audio_files if f.exists()))
