"""States of learned models: trained once, and trained again where a file is broken."""

import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
import safetensors.numpy

from musaic_core.benchmark.store import file_name, fitted, losses_of


@pytest.fixture
def fit():
    """A training that counts how often it was asked for."""

    def train(checkpoints):
        train.calls += 1
        return {"weights": np.arange(6.0).reshape(2, 3).T, "bias": np.float32([1])}

    train.calls = 0
    return train


def test_a_state_is_trained_once_for_what_it_depends_on(tmp_path, fit):
    first, seconds = fitted({"seed": 0}, fit, [tmp_path / "states"])
    again, same_seconds = fitted({"seed": 0}, fit, [tmp_path / "states"])
    assert fit.calls == 1
    assert seconds == same_seconds > 0
    for state in (first, again):
        np.testing.assert_array_equal(state["weights"], np.arange(6.0).reshape(2, 3).T)
    fitted({"seed": 1}, fit, [tmp_path / "states"])
    assert fit.calls == 2


def test_a_state_of_another_folder_is_used_and_new_ones_go_to_the_last(tmp_path, fit):
    shipped, own = tmp_path / "shipped", tmp_path / "own"
    fitted({"seed": 0}, fit, [shipped])
    fitted({"seed": 0}, fit, [shipped, own])
    assert fit.calls == 1
    assert not own.exists()
    fitted({"seed": 1}, fit, [shipped, own])
    assert len(list(own.glob("*.safetensors"))) == 1
    assert len(list(shipped.glob("*.safetensors"))) == 1


def broken(file):
    file.write_bytes(file.read_bytes()[:40])


def empty(file):
    file.write_bytes(b"")


def foreign(file):
    safetensors.numpy.save_file({"weights": np.zeros(2)}, file)


def flipped(file):
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def without_arrays(file):
    with safetensors.safe_open(file, "numpy") as stored:
        metadata = stored.metadata()
    safetensors.numpy.save_file({}, file, metadata)


@pytest.mark.parametrize("spoil", [broken, empty, foreign, flipped, without_arrays])
def test_a_broken_or_foreign_file_is_trained_again_and_told(
    tmp_path, fit, capsys, spoil
):
    fitted({"seed": 0}, fit, [tmp_path])
    (file,) = tmp_path.glob("*.safetensors")
    spoil(file)
    state, _ = fitted({"seed": 0}, fit, [tmp_path])
    assert fit.calls == 2
    assert state["bias"] == 1
    assert f"! {file}: not a usable state" in capsys.readouterr().out
    fitted({"seed": 0}, fit, [tmp_path])
    assert fit.calls == 2


def test_what_was_trained_and_what_is_read_again_are_the_same(tmp_path):
    given = {
        "number": np.float32(3),
        "foreign bytes": np.arange(3, dtype=">f8"),
        "columns": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "list": [1.0, 2.0],
    }
    trained, _ = fitted({}, lambda _: given, [tmp_path])
    read, _ = fitted({}, lambda _: 1 / 0, [tmp_path])
    assert trained.keys() == read.keys() == given.keys()
    for name, array in trained.items():
        np.testing.assert_array_equal(read[name], array, strict=True)
        np.testing.assert_array_equal(array, given[name])
        assert array.shape == np.shape(given[name])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, "fit gave a NoneType"),
        ({"names": ["a", "b"]}, "fit gave 'names' with values of <U1"),
        ({"layer": {"weights": 1.0}}, "fit gave 'layer' with values of object"),
    ],
)
def test_what_is_no_dict_of_arrays_is_refused_by_its_name(tmp_path, given, told):
    with pytest.raises(TypeError, match=told):
        fitted({}, lambda _: given, [tmp_path])
    assert not list(tmp_path.glob("*.safetensors"))


def test_a_training_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError):
        fitted({"seed": 0}, lambda _: 1 / 0, [tmp_path])
    assert not list(tmp_path.glob("*.safetensors"))


def read_only(folder, name):
    folder.touch()  # nothing can lie in it


def full(folder, name):
    (folder / name).with_suffix(".new").mkdir(parents=True)  # nothing can be written


@pytest.mark.parametrize("spoil", [read_only, full])
def test_what_was_learned_is_used_where_it_cannot_be_kept(tmp_path, fit, capsys, spoil):
    folder, name = tmp_path / "states", file_name({"seed": 0})
    spoil(folder, name)
    state, seconds = fitted({"seed": 0}, fit, [folder])
    assert state["bias"] == 1
    assert seconds > 0
    assert f"! {folder / name}: not kept" in capsys.readouterr().out


def test_a_training_that_is_interrupted_finds_what_it_had_kept(tmp_path):
    folders = []

    def interrupted(checkpoints):
        folders.append(checkpoints)
        checkpoints.mkdir()
        taken = {"seconds": "1000.0"}
        safetensors.numpy.save_file({}, checkpoints / "0.safetensors", taken)
        (checkpoints / "1.safetensors").write_bytes(b"broken")
        raise KeyboardInterrupt

    def going_on(checkpoints):
        folders.append(checkpoints)
        assert (checkpoints / "0.safetensors").exists()
        return {"weights": np.zeros(2)}

    with pytest.raises(KeyboardInterrupt):
        fitted({"seed": 0}, interrupted, [tmp_path])
    _, seconds = fitted({"seed": 0}, going_on, [tmp_path])
    assert folders[0] == folders[1]
    assert 1000 < seconds < 1100  # those before the interruption count
    assert not folders[0].exists()
    assert fitted({"seed": 0}, lambda _: 1 / 0, [tmp_path])[1] == seconds


def ask_for_the_same(folder):
    """What a worker does; each training takes long enough to be met."""

    def fit(checkpoints):
        (folder / f"{os.getpid()}.trained").touch()
        time.sleep(0.5)
        return {"weights": np.arange(3.0)}

    (folder / f"{os.getpid()}.ready").touch()
    while len(list(folder.glob("*.ready"))) < 2:
        time.sleep(0.01)
    return fitted({"seed": 0}, fit, [folder / "states"])


def test_workers_that_ask_at_once_train_once(tmp_path):
    with ProcessPoolExecutor(2, get_context("spawn")) as workers:
        (one, spent), (other, same) = workers.map(ask_for_the_same, [tmp_path] * 2)
    assert len(list(tmp_path.glob("*.trained"))) == 1
    assert spent == same
    np.testing.assert_array_equal(one["weights"], other["weights"])


def test_losses_are_told_of_each_network_and_what_is_no_number_is_none():
    checks = np.float32([[10, 0.1, np.nan], [20, 1 / 3, 0.25]])
    told = [[10, 0.1, None], [20, 0.33333, 0.25]]
    assert losses_of({"losses": checks, "losses.weight": checks}) == [told]
    state = {"0.losses": checks, "1.losses": checks[:1], "threshold": np.ones(1)}
    assert losses_of(state) == [told, told[:1]]
    assert losses_of({"weights": checks}) == []
