"""Productions in Native Instruments' STEM format."""

import contextlib
import importlib.util
import json
import os
import tempfile
from pathlib import Path

import benchopt
import soundfile
from benchopt.benchmark import get_running_benchmark

from musaic_core.benchmark.choice import runs_all
from musaic_core.benchmark.corpora import from_mini, have_in_common
from musaic_core.data.corpus import read_track
from musaic_core.data.errors import InputError
from musaic_core.data.recording import Track
from musaic_core.data.sources import read_stream


class Dataset(benchopt.BaseDataset):
    """A STEM file, or a folder of them; by default six seconds of a production.

    These lie in the package stempeg: an excerpt of "Falcon 69" by The Easton Ellises,
    from MUSDB18. Models learn from the embedded songs, in both of their timbres, or
    with ``train`` from a file or folder of other productions. With ``train=own`` they
    learn from the very stems that they are to find: an upper bound, no result.
    """

    name = "stem"
    # a run of all corpora does not have it
    parameters = {
        "path": [] if runs_all("dataset") else [None],
        "train": [None],
    }
    requirements = []

    def get_data(self):
        if self.path is None and importlib.util.find_spec("stempeg") is None:
            return {"missing": "the excerpt is in a package: pip install stempeg"}
        try:
            test = read_stem_files(self.path or excerpt())
            if self.train == "own":
                return {"train": test, "test": test}
            if self.train is None:
                return from_mini("songs") | {"test": test}
            train = read_stem_files(self.train)
            if have_in_common(train, test):
                raise InputError(
                    "train and path have productions in common; to learn from the "
                    "stems that are to be found, as an upper bound, set train=own"
                )
        except InputError as error:
            return {"missing": str(error)}
        return {"train": train, "test": test}


def excerpt():
    package = Path(importlib.util.find_spec("stempeg").origin).parent
    return next((package / "data").glob("*.stem.mp4"))


def read_stem_files(path):
    path = Path(path).expanduser()
    files = sorted(path.glob("*.stem.*")) if path.is_dir() else [path]
    if not files:
        raise InputError(f"no STEM files (*.stem.mp4) in {path}")
    return [read_stem_file(file) for file in files]


def read_stem_file(file):
    """Decode a STEM file, or find what was decoded before."""
    if not file.exists():
        raise InputError(f"{file} is not there: name a STEM file")
    name = file.name.partition(".stem")[0]
    cache = Path(get_running_benchmark().get_cache_location()) / "stem"
    folder = cache / Track(name, {"mixture": file}).identity[:16] / name
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as decoded:
            decode(file, Path(decoded) / name)
            with contextlib.suppress(OSError):  # another worker was faster
                os.rename(Path(decoded) / name, folder)
    return read_track(folder)


def decode(file, folder):
    """Write each stem as a WAV file, which has no room for rounding or clipping."""
    folder.mkdir()
    try:
        stems = stem_names(file)
    except (IndexError, ValueError) as error:
        raise InputError(f"{file}: not a readable STEM file ({error})") from None
    # the first stream is the mixture, mastered; stems do not sum to it
    for number, stem in enumerate(stems, start=1):
        y, sr = read_stream(file, number)
        soundfile.write(folder / f"{stem}.wav", y.T, sr, subtype="FLOAT")


def stem_names(file):
    """Names that the file's metadata give its stems, a JSON text in the atom stem."""
    text = file.read_bytes().partition(b"stem{")[2].decode("latin-1")
    stems = json.JSONDecoder().raw_decode("{" + text)[0]["stems"]
    names = [stem["name"].strip().lower().replace("vox", "vocals") for stem in stems]
    return [name.replace("/", " ") for name in names]
