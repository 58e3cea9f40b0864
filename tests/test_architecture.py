"""The house: packages import one way, and a task is named in its own places alone."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "musaic_core"

# what each package may import of the others
MAY_IMPORT = {
    "lowrank": set(),
    "data": set(),
    "results": set(),
    "learned": {"lowrank", "data"},
    "tasks": {"lowrank", "learned", "data", "results"},
    "benchmark": {"tasks", "data"},
    "publish": {"results", "data"},
    "studio": {"publish", "benchmark", "tasks", "data"},
}
MUSIC = {"librosa", "mir_eval", "pretty_midi", "soundfile", "benchopt"}


def imported(file, at_once=False):
    """Names of the modules that a file imports: anywhere, or when it is loaded."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in tree.body if at_once else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_package_is_in_the_rule():
    found = {file.parent.name for file in PACKAGE.glob("*/__init__.py")}
    assert found == set(MAY_IMPORT)
    assert [file.name for file in PACKAGE.glob("*.py")] == ["__init__.py"]


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_packages_import_one_way(package):
    for file in (PACKAGE / package).rglob("*.py"):
        used = {
            module.split(".")[1]
            for module in imported(file)
            if module.startswith("musaic_core.")
        }
        assert used <= MAY_IMPORT[package] | {package}, file


def test_the_rule_has_no_circle():
    below = {}
    while len(below) < len(MAY_IMPORT):
        ready = [p for p, uses in MAY_IMPORT.items() if p not in below]
        ready = [p for p in ready if MAY_IMPORT[p] <= set(below)]
        assert ready, f"a circle among {set(MAY_IMPORT) - set(below)}"
        below |= dict.fromkeys(ready)


def test_low_rank_models_know_no_music():
    for file in (PACKAGE / "lowrank").rglob("*.py"):
        packages = {module.split(".")[0] for module in imported(file)}
        assert not packages & MUSIC, file


@pytest.mark.parametrize("folder", ["solvers", "datasets", "objectives", "plots"])
def test_no_plugin_loads_torch_before_it_is_used(folder):
    waiting, loaded = list((ROOT / folder).glob("*.py")), set()
    assert waiting
    while waiting:
        for module in set(imported(waiting.pop(), at_once=True)) - loaded:
            loaded.add(module)
            path = ROOT.joinpath(*module.split("."))
            files = path.with_suffix(".py"), path / "__init__.py"
            waiting += [file for file in files if file.exists()]
    assert "musaic_core.data.notes" in loaded or folder == "plots"
    assert "torch" not in loaded


def test_no_file_is_above_400_lines():
    files = [
        file
        for folder in (
            *("musaic_core", "solvers", "datasets", "objectives", "plots"),
            *("benchmarks", "tools", "examples", "tests"),
        )
        for suffix in ("py", "c", "h", "js")
        for file in (ROOT / folder).rglob(f"*.{suffix}")
    ]
    assert len(files) > 80
    for file in files:
        assert len(file.read_text(encoding="utf-8").splitlines()) <= 400, file


def test_plugins_fit_two_screens():
    for folder in ("solvers", "datasets", "objectives"):
        for file in (ROOT / folder).glob("*.py"):
            assert len(file.read_text(encoding="utf-8").splitlines()) <= 150, file


def test_a_task_is_named_in_its_own_places_alone():
    names = {
        folder.parent.name for folder in (ROOT / "benchmarks").glob("*/objective.py")
    }
    assert {"amt", "mss", "msa"} <= names
    quoted = re.compile(rf"[\"'/]({'|'.join(sorted(names))})[\"'/]")
    for folder in ("musaic_core", "datasets", "plots", "solvers", "tools"):
        for file in (ROOT / folder).rglob("*.py"):
            own = "tasks" in file.parts or "mini" in file.parts
            text = "" if own else file.read_text(encoding="utf-8")
            # the package of that name is no task
            text = text.replace('"factorization"', "")
            assert not quoted.search(text), (file, quoted.search(text))
