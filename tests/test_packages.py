"""Packages that solvers need: how they are asked for, named and told apart."""

import types

import numpy as np
import pytest

from musaic_core.benchmark import solver as module
from musaic_core.benchmark.algorithm import Algorithm
from musaic_core.benchmark.solver import Solver


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


def test_the_state_of_a_solver_follows_packages_and_code(monkeypatch):
    solver = needs("pip::numpy>=2").__new__(needs("pip::numpy>=2"))
    solver._module_filename = __file__
    before = solver._get_state()
    assert before["packages"] == {"numpy": np.__version__}
    monkeypatch.setattr(module, "versions", lambda requirements: {"numpy": "0.1"})
    newer = solver._get_state()
    assert newer != before
    monkeypatch.setattr(module, "files_imported", lambda file: set())
    assert solver._get_state()["code"] != newer["code"]


def algorithm(tmp_path, body):
    """An algorithm whose `prepare` has this body, in a file of its own."""
    file = tmp_path / "algorithm.py"
    file.write_text(f"def prepare(self):\n    {body}\n", encoding="utf-8")
    found = {}
    exec(compile(file.read_text(encoding="utf-8"), file, "exec"), found)
    attributes = {"name": "peer", "prepare": found["prepare"]}
    peer = type("Peer", (Algorithm,), attributes)
    solver = peer.__new__(peer)
    solver._module_filename = file
    return solver


def test_a_package_that_breaks_when_it_is_imported_is_skipped_with_the_reason(tmp_path):
    task = types.SimpleNamespace(model="nmf", beta=1)
    code = "import numpy\nnumpy.no_such_name\n"
    (tmp_path / "broken_peer.py").write_text(code, encoding="utf-8")
    body = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import broken_peer"
    reason = algorithm(tmp_path, body).misfit(task)
    assert reason.startswith("the package is broken: peer: AttributeError: ")
    assert "no_such_name" in reason


def test_a_mistake_in_a_solvers_own_file_is_no_broken_package(tmp_path):
    task = types.SimpleNamespace(model="nmf", beta=1)
    with pytest.raises(NameError):
        algorithm(tmp_path, "mistyped").misfit(task)
