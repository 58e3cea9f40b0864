"""What plugins inherit: rows, requirements, digests and peak memory."""

import os

import numpy as np
import pytest

from musaic_core.benchmark import plugins
from musaic_core.benchmark.plugins import (
    FactorizationSolver,
    Objective,
    PeakMemory,
    Solver,
    fingerprint,
)
from musaic_core.data.track import InputError, Track
from musaic_core.tasks.base import Estimate, Task
from musaic_core.tasks.transcription.task import Dictionary, Transcription


class Recorded(Track):
    """A track of one second that has no files."""

    duration = 1.0


class Lengths(Objective):
    """Scores the answer itself."""

    name = "lengths"

    def set_data(self):
        """Set by the tests."""

    def score(self, track, answer):
        if answer < 0:
            raise InputError(f"{track.id}.mid: not a readable MIDI file")
        return {"value": answer}


@pytest.fixture
def rows():
    objective = Lengths.__new__(Lengths)
    objective._run_context = None
    tracks = [Recorded(name, {}) for name in ("c", "a", "b")]
    objective.task = Task([], tracks, "numbers")
    estimates = {
        "a": Estimate(0.5, n_parameters=3),
        "b": Estimate(error="b.wav: silent"),
        "c": Estimate(-1),
    }
    return objective.evaluate_result(estimates, peak_memory_mb=7.0)


def test_rows_come_in_the_order_of_the_corpus(rows):
    assert [row["track"] for row in rows] == ["c", "a", "b"]
    assert len({tuple(row) for row in rows}) == 1  # all have the same columns


def test_a_row_has_its_score_size_and_memory(rows):
    assert rows[1]["value"] == 0.5
    assert rows[1]["n_parameters"] == 3
    assert rows[1]["peak_memory_mb"] == 7.0
    assert rows[1]["error"] == ""


def test_a_row_without_score_has_the_reason(rows):
    assert np.isnan(rows[2]["value"])
    assert rows[2]["error"] == "b.wav: silent"
    assert np.isnan(rows[0]["value"])
    assert rows[0]["error"] == "c.mid: not a readable MIDI file"


def test_a_missing_corpus_is_skipped_and_says_why_once(capsys):
    objective = Lengths.__new__(Lengths)
    for _ in range(2):
        assert objective.skip(missing="get it there") == (True, None)
    assert capsys.readouterr().out == "! get it there\n"
    assert objective.skip(train=[], test=[]) == (False, None)


def needs(*requirements, **attributes):
    attributes = {"name": "needy", "requirements": list(requirements), **attributes}
    return type("Needy", (Solver,), attributes)


def test_a_solver_whose_packages_are_there_is_installed():
    assert needs().is_installed()
    assert needs("numpy", "pip::scikit-learn>=1.0").is_installed()


def test_an_absent_package_is_named_once_with_the_way_to_get_it(capsys):
    solver = needs("pip::numpy", "pip::surely-absent>=2")
    assert not solver.is_installed()
    assert not solver.is_installed()
    printed = capsys.readouterr().out.split("\n")
    assert printed.count("! needy needs surely-absent: pip install surely-absent") == 1
    with pytest.raises(ImportError, match="pip install surely-absent"):
        solver.is_installed(raise_on_not_installed=True)


def test_a_solver_with_an_install_script_names_it():
    solver = needs("surely-absent", install_cmd="shell", install_script="needy.sh")
    with pytest.raises(ImportError, match=r"bash install_scripts/needy\.sh"):
        solver.is_installed(raise_on_not_installed=True)


def test_a_quiet_check_prints_nothing(capsys):
    assert not needs("absent-and-quiet").is_installed(quiet=True)
    assert capsys.readouterr().out == ""


def test_the_state_of_a_solver_follows_the_versions_of_its_packages(monkeypatch):
    solver = needs("pip::numpy>=2").__new__(needs("pip::numpy>=2"))
    before = solver._get_state()
    assert before == {"numpy": np.__version__}
    monkeypatch.setattr(plugins, "_version", lambda package: "0.1")
    assert solver._get_state() != before


@pytest.mark.parametrize(
    ("dictionary", "supervised"), [("fixed", True), ("adapted", True), ("blind", False)]
)
def test_only_supervised_models_need_a_dictionary(dictionary, supervised):
    class Model(FactorizationSolver):
        name = "model"

    solver = Model.__new__(Model)
    assert not solver.supervised
    solver.dictionary = dictionary
    assert solver.supervised == supervised

    train = [Recorded("a", {})]
    without, with_notes = Transcription(train, []), Transcription(train, [])
    with_notes.dictionary = Dictionary(np.ones((3, 2)), np.array([60, 61]))
    skipped, reason = solver.skip(without)
    assert skipped == supervised
    assert not supervised or "dictionary" in reason
    assert solver.skip(with_notes) == (False, None)


def test_without_training_recordings_there_is_no_decoder_and_the_reason_is_given():
    class Model(FactorizationSolver):
        name = "model"

    skipped, reason = Model.__new__(Model).skip(Transcription([], []))
    assert skipped
    assert "no training recordings" in reason


def test_a_task_without_a_decoder_skips_factorizations(capsys):
    class Model(FactorizationSolver):
        name = "model"

    assert Model.__new__(Model).skip(Task([], [], "tempo"))[0]
    assert "model gives factors, and no decoder makes tempo of them: skipped" in (
        capsys.readouterr().out
    )


def test_a_fingerprint_changes_with_any_file_and_not_with_their_order(tmp_path):
    files = [tmp_path / name for name in ("a.wav", "b.mid", "absent.mid")]
    files[0].write_text("one")
    files[1].write_text("two")
    before = fingerprint(files)
    assert fingerprint(reversed(files)) == before
    assert fingerprint(files[:2]) != before
    files[2].touch()
    created = fingerprint(files)
    assert created != before
    files[1].write_text("three")
    longer = fingerprint(files)
    assert longer != created
    stat = files[1].stat()
    files[1].write_text("third")  # as long as before
    os.utime(files[1], ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))
    assert fingerprint(files) != longer


def test_peak_memory_sees_an_array_that_is_gone_at_the_end():
    with PeakMemory() as memory:
        array = np.ones(25_000_000)  # 200 MB
        for _ in range(5):
            array *= 1.5
        del array
    assert 150 < memory.peak_mb < 600
    with PeakMemory() as memory:
        pass
    assert memory.peak_mb < 50


def test_a_solver_is_skipped_by_a_task_that_asks_for_something_else(capsys):
    stems = needs(answers="stems")
    for _ in range(2):
        assert stems.__new__(stems).skip(Transcription([], []))[0]
    assert capsys.readouterr().out == "! needy gives stems, not notes: skipped\n"
    notes = needs(answers="notes")
    assert notes.__new__(notes).skip(Transcription([], [])) == (False, None)
