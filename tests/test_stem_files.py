"""STEM files: an excerpt of a real production scores as published."""

import importlib.util

import numpy as np
import pytest
from conftest import MINI
from separating import FIXED, noise, song
from solving import module_in, solve

from musaic_core.data.corpus import read_track
from musaic_core.data.errors import InputError
from musaic_core.tasks.separation import task as separation
from musaic_core.tasks.separation import wiener
from musaic_core.tasks.separation.scores import mean_sdr
from musaic_core.tasks.separation.task import Separation, stems_to_learn
from musaic_core.tasks.separation.wiener import ideal_stems


@pytest.fixture
def production(tmp_path, monkeypatch):
    """The excerpt in the package stempeg, seen through windows of 2048 samples."""
    # it need not be importable: without ffmpeg's programs it is not
    if importlib.util.find_spec("stempeg") is None:
        pytest.skip("stempeg is not installed")
    stem = module_in(MINI.parent / "stem.py")
    stem.decode(stem.excerpt(), tmp_path / "production")
    monkeypatch.setattr(wiener, "WINDOW", 2048 / 44100)
    monkeypatch.setattr(wiener, "HOP", 512 / 44100)
    return read_track(tmp_path / "production")


def test_mixture_and_ideal_mask_of_a_production_score_as_published(production):
    y, sr = production.audio()
    stems = np.stack(list(production.stems().values()))
    assert mean_sdr(stems, np.stack([y / 4] * 4), sr) == pytest.approx(1.3, abs=0.1)
    assert mean_sdr(stems, ideal_stems(y, sr, stems), sr) == pytest.approx(8.7, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(("templates", "sdr"), [(10, 5.8), (30, 6.3), (60, 6.5)])
def test_oracle_dictionaries_of_a_production_score_as_published(
    production, templates, sdr, monkeypatch
):
    # published were models of magnitudes and masks of powers, which suit dictionaries
    # of the very stems that are to be found
    monkeypatch.setattr(separation, "POWER", 2)
    monkeypatch.setattr(Separation, "compression", 1)
    monkeypatch.setattr(separation, "TEMPLATES", templates)
    task = Separation([production], [production], production.stem_files)
    (estimate,) = solve(task, FIXED).values()
    stems = np.stack(list(production.stems().values()))
    estimates = np.stack(list(estimate.answer.values()))
    # random starts differ by some tenths
    assert mean_sdr(stems, estimates, production.audio()[1]) == pytest.approx(
        sdr, abs=0.5
    )


def test_a_production_is_learned_from_only_where_that_is_asked_for(
    tmp_path, monkeypatch
):
    module = module_in(MINI.parent / "stem.py")

    def read(path):
        stems = {name: noise(1, 100) for name in ("bass", "vocals")}
        return [song(tmp_path / f"{len([*tmp_path.iterdir()])}", stems)]

    monkeypatch.setattr(module, "read_stem_files", read)

    def data(**parameters):
        defaults = {"path": "a.stem.mp4", "train": None}
        return module.Dataset.get_instance(**defaults | parameters).get_data()

    (track,) = data()["test"]
    assert stems_to_learn(data()["train"], [track]) == ["bass", "vocals"]
    folders = {file.parents[1] for t in data()["train"] for file in t.audio_files}
    assert folders == {MINI / "songs" / f"train-{font}" for font in ("seen", "unseen")}
    own = data(train="own")
    assert own["train"] == own["test"]
    assert "set train=own" in data(train="a.stem.mp4")["missing"]


def test_names_of_stems_are_those_of_the_file(tmp_path):
    file = tmp_path / "song.stem.mp4"
    file.write_bytes(
        b'\x00\x01moovstem{"version": 1, "stems": [{"name": "Drums"}, '
        b'{"name": "Vox"}]}\xff\xfe mdat'
    )
    assert module_in(MINI.parent / "stem.py").stem_names(file) == ["drums", "vocals"]


def test_a_stem_file_that_is_none_is_named(tmp_path):
    file = tmp_path / "song.stem.mp4"
    file.write_bytes(b"no music")
    with pytest.raises(InputError, match=r"song\.stem\.mp4: not a readable STEM file"):
        module_in(MINI.parent / "stem.py").decode(file, tmp_path / "stems")
