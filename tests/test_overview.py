"""The page of tasks and solvers says what the code does."""

import shutil

import pytest
import soundfile

from tools.overview import FILE, ROOT, overview

SOLVER = '''
from musaic_core.benchmark.solver import Solver as BaseSolver


class Solver(BaseSolver):
    """Added by a test."""

    name = "added"
    answers = "notes"
    kind = "learned"
    parameters = {"size": ["small", "large"], "dictionary": ["blind"]}

    @classmethod
    def misfit_of(cls, parameters, task):
        if parameters["size"] == "large":
            return "it is too large"
'''


@pytest.fixture
def untouched(monkeypatch):
    """Nothing may be read or learned for a table of classes."""

    def fail(*_, **__):
        raise AssertionError("an audio file was opened")

    for name in ("read", "info", "SoundFile"):
        monkeypatch.setattr(soundfile, name, fail)


@pytest.fixture
def copy(tmp_path):
    """A copy of the plugins, to change at will."""
    leave_out = shutil.ignore_patterns("mini", "outputs", "__cache__", "__pycache__")
    for name in ("benchmarks", "objectives", "solvers", "datasets", "plots"):
        shutil.copytree(
            ROOT / name, tmp_path / "copy" / name, symlinks=True, ignore=leave_out
        )
    return tmp_path / "copy"


def line_of(text, solver):
    [line] = [row for row in text.splitlines() if row.startswith(f"| [`{solver}`]")]
    return [cell.strip() for cell in line.split("|")[1:-1]]


def test_the_table_of_tasks_and_solvers_is_up_to_date(untouched):
    text = FILE.read_text(encoding="utf-8")
    assert text == overview(), "run python -m tools.overview"


def test_a_new_solver_has_its_line_with_what_it_gives_and_why_not(untouched, copy):
    (copy / "solvers" / "added.py").write_text(SOLVER, encoding="utf-8")
    text = overview(copy / "benchmarks")
    [heads] = [row for row in text.splitlines() if row.startswith("| solver |")]
    heads = [cell.strip() for cell in heads.split("|")[1:-1]]
    cells = dict(zip(heads, line_of(text, "added"), strict=True))
    assert cells["kind"] == "learned"
    what, marks = cells["[Transcription](../objectives/amt.py)"].split(" ")
    assert what == "notes"
    [number] = [n for n in text.splitlines() if "it is too large" in n]
    assert number == f"{marks[1:-1]}. With `size=large`: it is too large."
    assert cells["[Separation](../objectives/mss.py)"].startswith("– (")


def test_a_file_that_cannot_be_loaded_is_no_empty_line(copy):
    (copy / "solvers" / "broken.py").write_text(
        f"import nothing_like_it\n{SOLVER}", encoding="utf-8"
    )
    with pytest.raises(ModuleNotFoundError, match="nothing_like_it"):
        overview(copy / "benchmarks")
