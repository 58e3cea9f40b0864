"""Corpora that are there are scored, and those that are not say where to get them."""

import numpy as np
import pytest
from conftest import FAST_NMF
from small_corpora import CORPORA, STEMS, data_of, ids, maps_file, sound, text

from tools.corpora import FILE, corpora, page

# what is not there


VERSION = {"slakh": {"version": "baby"}}


@pytest.mark.parametrize("corpus", CORPORA)
def test_a_corpus_that_is_not_there_says_where_it_is_to_be_had(corpus, tmp_path):
    folder = tmp_path / "nowhere"
    missing = data_of(corpus, folder, **VERSION.get(corpus, {}))["missing"]
    assert missing.startswith(f"{folder} is not there; get ")
    assert "https://" in missing or "http://" in missing
    assert "\n" not in missing
    empty = data_of(corpus, tmp_path, **VERSION.get(corpus, {}))["missing"]
    assert "\n" not in empty


def test_mirdata_and_its_index_are_asked_for_where_they_are_not_there(
    tmp_path, monkeypatch
):
    core = pytest.importorskip("mirdata.core")
    nowhere = str(tmp_path / "index.json")
    monkeypatch.setattr(core.Index, "get_path", lambda self: nowhere)
    missing = data_of("salami", tmp_path)["missing"]
    assert "mirdata has no index of salami yet" in missing
    assert ".download(['index'])" in missing
    monkeypatch.setitem(__import__("sys").modules, "mirdata", None)
    assert "pip install mirdata" in data_of("salami", tmp_path)["missing"]


def test_a_corpus_that_cant_be_read_is_told_and_ends_no_run(tmp_path):
    pytest.importorskip("h5py")
    text(tmp_path / "maps.pyjama", "{")
    (tmp_path / "maps_audio.hdf5").touch()
    missing = data_of("pyjama", tmp_path)["missing"]
    assert missing.startswith(f"{tmp_path}: JSONDecodeError")


def test_so_many_recordings_are_taken_evenly_spaced(tmp_path):
    for part in ("train", "test"):
        for i in range(6):
            sound(tmp_path / part / f"song {i}" / "bass.wav")
            sound(tmp_path / part / f"song {i}" / "drums.wav")
    data = data_of("musdb", tmp_path, tracks=2, train_tracks=3)
    assert ids(data["test"]) == ["song 0", "song 3"]
    assert ids(data["train"]) == ["song 0", "song 2", "song 4"]


def test_the_page_of_the_corpora_is_up_to_date():
    text = FILE.read_text(encoding="utf-8")
    assert text == page(), "run python -m tools.corpora"


def test_each_task_has_the_corpora_that_know_what_it_needs():
    needs = {"amt": {"notes", "f0"}, "msa": {"sections"}}
    needs |= {"mss": {"stems"}, "steering": {"stems"}}
    for dataset, tasks in corpora():
        knows = set(dataset.about.knows)
        assert tasks == sorted(t for t, any_of in needs.items() if any_of & knows)


# in runs


def tiny(corpus, root):
    if corpus == "maps":
        for name, piano in (("chpn-p1", "AkPnBcht"), ("mz_331_2", "ENSTDkCl")):
            maps_file(root, name, piano)
        maps_file(root, "M_S0_M60", "AkPnBcht", "ISOL/NO")
        maps_file(root, "M_S1_M67", "SptkBGCl", "ISOL/NO")
    elif corpus == "musdb":
        for part in ("train", "test"):
            for stem in STEMS:
                sound(root / part / f"song {part}" / f"{stem}.wav", 3.0, channels=2)
    else:
        segments = root / "dataset" / "segments" / "0001_12step.txt"
        text(segments, "0 intro", "6 verse", "12 end")
        sound(root / "audio" / "0001_12step.mp3", 12.0)


@pytest.mark.parametrize(
    ("task", "corpus", "solver"),
    [
        ("amt", "maps", FAST_NMF),
        ("mss", "musdb", FAST_NMF),
        ("msa", "harmonix", "equal_sections"),
    ],
)
def test_a_corpus_is_scored(task, corpus, solver, original, tmp_path):
    tiny(corpus, tmp_path / "data")
    dataset = f"{corpus}[path='{tmp_path / 'data'}']"
    suite = original.copy(tmp_path / "musaic")
    _, results = suite.run(benchmark=task, datasets=[dataset], solvers=[solver])
    assert (results["objective_error"] == "").all()
    assert len(results) == 1
    assert np.isfinite(results["objective_value"]).all()


def test_a_run_of_all_datasets_has_no_corpus_and_one_that_asks_is_told(suite):
    songs = suite.root / "datasets" / "mini" / "songs"
    for kind in ("train", "notes"):
        (songs / f"{kind}-seen").rename(songs / f"{kind}-unseen")
    arguments = {"benchmark": "msa", "solvers": ["equal_sections"]}
    printed, results = suite.run(datasets=[], **arguments)
    assert set(results["dataset_name"].str.partition("[")[0]) == {"mini"}
    assert not any(corpus in printed for corpus in CORPORA)
    printed, results = suite.run(datasets=["harmonix", "mini"], **arguments)
    assert set(results["dataset_name"].str.partition("[")[0]) == {"mini"}
    assert printed.count("get Harmonix Set from https://") == 1
