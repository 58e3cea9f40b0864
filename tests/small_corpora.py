"""Real corpora in miniature: a few seconds of noise, annotated as each corpus is."""

import json

import numpy as np
import pytest
import soundfile
from benchopt.benchmark import Benchmark
from conftest import ROOT

from musaic_core.benchmark.corpora import Corpus
from musaic_core.data.notes import Notes, write_midi
from tools.corpora import corpora

# plugins are loaded for the benchmark that was made last, so one is made after another
DATASETS = {
    dataset.name: dataset
    for name in ("amt", "mss", "msa")
    for dataset in Benchmark(ROOT / "benchmarks" / name).get_datasets()
} | {dataset.name: dataset for dataset, tasks in corpora() if not tasks}
CORPORA = sorted(name for name, made in DATASETS.items() if issubclass(made, Corpus))
SR = 8000
NOTES = Notes.from_rows([(0.1, 0.6, 60, 80, "piano"), (0.5, 1.2, 67, 80, "piano")])
PITCHES = [60, 67]


def sound(file, seconds=2.0, seed=0, channels=1):
    file.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, *map(ord, file.name)])
    y = rng.normal(0, 0.05, (round(seconds * SR), channels))
    if file.suffix == ".mp3":
        soundfile.write(file, y, SR, format="MP3")
    else:
        soundfile.write(file, y, SR)


def text(file, *lines):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def midi(file):
    file.parent.mkdir(parents=True, exist_ok=True)
    write_midi(NOTES, file)


def data_of(corpus, path, **parameters):
    """What a dataset gives for a folder."""
    default = {"path": path, "tracks": None, "train_tracks": None}
    return DATASETS[corpus].get_instance(**(default | parameters)).get_data()


def ids(tracks):
    return [track.id for track in tracks]


def check_notes(track):
    assert track.notes.pitches.tolist() == PITCHES
    np.testing.assert_allclose(track.notes.onsets, [0.1, 0.5], atol=0.006)
    assert track.duration == pytest.approx(2.0)


def check_f0(track, expected):
    """Frequencies of each voice at some times."""
    for time, hz in expected.items():
        (row,) = np.flatnonzero(np.abs(track.f0.times - time) < 1e-6)
        np.testing.assert_allclose(track.f0.hz[row], hz, rtol=1e-3)


def check_stems(track, *names):
    stems = track.stems()
    assert list(stems) == list(names)
    y, sr = track.audio()
    assert sr == track.rate
    np.testing.assert_allclose(sum(stems.values()), y, atol=1e-6)
    half = track.amid(1.0)
    assert half.audio()[0].shape[1] == sr
    assert half.identity != track.identity == track.amid(None).identity


@pytest.fixture
def index(monkeypatch, tmp_path):
    """Let mirdata have an index of a few tracks only, in the form of its own."""
    core = pytest.importorskip("mirdata.core")

    def write(version="1.0", **kinds):
        file = tmp_path / "index.json"
        checked = {
            kind: {
                track: {
                    name: value if name == "tracks" else [value, None]
                    for name, value in files.items()
                }
                for track, files in tracks.items()
            }
            for kind, tracks in kinds.items()
        }
        file.write_text(json.dumps({"version": version, **checked}), encoding="utf-8")
        monkeypatch.setattr(core.Index, "get_path", lambda self: str(file))

    return write


def maps_file(root, name, piano, kind="MUS"):
    file = root / piano / kind / f"MAPS_{kind.replace('/', '_')}-{name}_{piano}.wav"
    if kind == "ISOL/NO":
        file = root / piano / kind / f"MAPS_ISOL_NO_{name}_{piano}.wav"
    sound(file)
    rows = (f"{a:.6f}\t{b:.6f}\t{p}" for a, b, p in NOTES.table())
    text(file.with_suffix(".txt"), "OnsetTime\tOffsetTime\tMidiPitch", *rows)


STEMS = ("bass", "drums", "other", "vocals")
