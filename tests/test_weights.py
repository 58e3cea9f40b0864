"""What ships with the repository is what the present code would train."""

import json

import numpy as np
import pytest
import soundfile

from musaic_core.benchmark.solver import SHIPPED
from musaic_core.benchmark.store import file_name, fitted
from musaic_core.tasks.structure import hearing
from musaic_core.tasks.structure.hearing import WEIGHTS
from tools.weights import (
    bar_songs,
    energy_wh,
    fitted_hearing,
    hearing_depends_on,
    shipped,
)


def test_shipped_states_are_of_the_present_code_and_small():
    wanted = {file_name(s.state_depends_on()): s for _, s in shipped()}
    there = {file.name for file in SHIPPED.glob("*.safetensors")} - {WEIGHTS.name}
    assert there == set(wanted), "run python -m tools.weights"
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) < 6e6
    manifest = json.loads((SHIPPED / "manifest.json").read_text(encoding="utf-8"))
    assert set(manifest) == there | {WEIGHTS.name}
    for name, solver in wanted.items():
        assert manifest[name]["code"] == solver.state_depends_on()["code"]
        state, seconds = fitted(solver.state_depends_on(), lambda _: 1 / 0, [SHIPPED])
        assert sum(array.size for array in state.values()) == manifest[name]["numbers"]
        assert seconds > 0


def test_the_manifest_tells_code_data_seed_time_and_energy_of_each():
    manifest = json.loads((SHIPPED / "manifest.json").read_text(encoding="utf-8"))
    for entry in manifest.values():
        assert entry["code"]
        assert entry["torch"]
        assert entry["corpus"]
        assert entry["training material"]
        assert entry["seed"] >= 0
        assert entry["energy_wh"] == pytest.approx(energy_wh(entry["seconds"]))
        assert entry["energy_wh"] > 0


def test_shipped_states_are_keyed_by_the_options_of_the_task_as_a_run_has_them():
    options = {
        (s.name, s.task.__class__.__name__): set(s.state_depends_on()["task"])
        for _, s in shipped()
    }
    # phases matter to how masks are used, and not to what is learned
    assert options["unet", "Separation"] == {"answers"}
    assert "Steering" not in {task for _, task in options}
    bars = {"answers", "bars", "feature", "segmentation"}
    assert options["boundary_cnn", "Structure"] == bars


def test_bars_are_heard_by_weights_of_the_present_code_and_songs(monkeypatch):
    monkeypatch.setattr(hearing, "fit", lambda *_: 1 / 0)
    songs = bar_songs()
    state, seconds = fitted_hearing(songs)  # run python -m tools.weights if it fails
    manifest = json.loads((SHIPPED / "manifest.json").read_text(encoding="utf-8"))
    entry = manifest[WEIGHTS.name]
    assert entry.items() >= hearing_depends_on(songs).items()
    assert entry["numbers"] == sum(array.size for array in state.values())
    assert entry["seconds"] == round(seconds, 1) > 0
    assert WEIGHTS.stat().st_size < 1e6


def test_bars_of_six_eighths_are_learned_as_such(tmp_path):
    for name, positions in (("waltz", [1, 2, 3] * 2), ("jig", [1, 2] * 3)):
        (tmp_path / name).mkdir()
        rows = [f"{i},{position}" for i, position in enumerate(positions)]
        text = "\n".join(["time,position", *rows])
        (tmp_path / name / "beats.csv").write_text(text, encoding="utf-8")
        soundfile.write(tmp_path / name / "lead.wav", np.ones(8 * 8000) / 2, 8000)
    jig, waltz = bar_songs(tmp_path)
    np.testing.assert_allclose(jig.beats, np.arange(18) / 3)
    np.testing.assert_array_equal(jig.downbeats, [0, 2, 4])
    np.testing.assert_array_equal(waltz.downbeats, [0, 3])
    assert len(waltz.beats) == 6
