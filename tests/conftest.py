"""A small copy of the whole suite, in which benchopt runs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
import soundfile

from musaic_core.data.corpus import read_corpus
from musaic_core.data.notes import write_midi

ROOT = Path(__file__).resolve().parent.parent
# asserts of what test files share say what they compared, as the tests' own do
pytest.register_assert_rewrite(
    *(f.stem for f in (ROOT / "tests").glob("*.py") if not f.stem.startswith("test_"))
)
MINI = ROOT / "datasets" / "mini"
PIANO = "mini[part=piano,timbre=seen,tracks=2]"
SONGS = "mini[part=songs,timbre=seen,tracks=2]"
FAST_NMF = "nmf[dictionary=fixed,beta=1,n_iter=20]"
BLIND_NMF = "nmf[dictionary=blind,beta=1,n_iter=20]"


class MusicTask(NamedTuple):
    """What the tests that hold for every music task run of it."""

    benchmark: str
    corpus: str
    solvers: tuple[str, ...]  # the first one is a factorization, the last one the floor


MUSIC_TASKS = (
    MusicTask("amt", PIANO, (FAST_NMF, BLIND_NMF, "silence")),
    MusicTask("mss", SONGS, (FAST_NMF, BLIND_NMF, "mixture")),
    MusicTask("msa", SONGS, (BLIND_NMF, "barwise_ssm", "equal_sections")),
)
MUSIC_TASKS = [t for t in MUSIC_TASKS if (ROOT / "benchmarks" / t.benchmark).exists()]


class Suite:
    """A copy of the repository in which benchopt runs; it writes nowhere else.

    Parameters
    ----------
    root : Path
        Folder of the copy.
    """

    def __init__(self, root):
        self.root = root
        self._n_runs = 0
        programs = Path(sys.executable).parent
        self.environment = os.environ | {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(root),
            "BENCHOPT_CONFIG": str(root / "benchopt.yml"),
        }

    def copy(self, root):
        """Another copy, without results or cache."""
        ignore = shutil.ignore_patterns("outputs", "__cache__", "__pycache__")
        shutil.copytree(self.root, root, symlinks=True, ignore=ignore)
        return Suite(root)

    def benchopt(self, *arguments):
        """Call benchopt in the copy; give what it printed, and fail where it does."""
        done = subprocess.run(
            [sys.executable, "-m", "benchopt", *map(str, arguments)],
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        assert done.returncode == 0, done.stdout
        return re.sub(r"\x1b\[[\d;]*m", "", done.stdout)  # no colours

    def outputs(self, benchmark="amt"):
        """The folder that the results of a benchmark's runs lie in."""
        return self.root / "benchmarks" / benchmark / "outputs"

    def run(self, *arguments, benchmark="amt", datasets=(PIANO,), solvers=(FAST_NMF,)):
        """`benchopt run`: what it printed, and the table of results."""
        self._n_runs += 1
        name = f"run{self._n_runs}"
        printed = self.benchopt(
            *(
                "run",
                f"benchmarks/{benchmark}",
                "--no-plot",
                "--seed",
                0,
                "--output",
                name,
            ),
            *(word for dataset in datasets for word in ("-d", dataset)),
            *(word for solver in solvers for word in ("-s", solver)),
            *arguments,
        )
        return printed, pd.read_parquet(self.outputs(benchmark) / f"{name}.parquet")

    def edit(self, path, old="", new="\n"):
        """Replace text in a file, or add a blank line to it."""
        file = self.root / path
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new) if old else text + new, encoding="utf-8")

    def add_solver(self, name, predict, answers="notes", requirements=(), extra=""):
        """Add a solver's file; `predict` is the body of its method of that name."""
        (self.root / "solvers" / f"{name}.py").write_text(
            "from musaic_core.benchmark.solver import Solver as BaseSolver\n\n\n"
            "class Solver(BaseSolver):\n"
            f'    """Added by a test."""\n\n    name = "{name}"\n'
            f'    answers = "{answers}"\n'
            f"    requirements = {list(requirements)}\n    {extra}\n\n"
            f"    def predict(self, recording, given):\n        {predict}\n",
            encoding="utf-8",
        )


def shorten(track, folder, seconds):
    """Write the first seconds of a track of the corpus to another folder."""
    folder.mkdir(parents=True)
    for file in track.stem_files.values():
        y, sr = soundfile.read(file)
        soundfile.write(folder / file.name, y[: int(seconds * sr)], sr)
    notes = track.notes.between(0, seconds - 0.1)
    notes.intervals[:, 1] = notes.intervals[:, 1].clip(max=seconds)
    write_midi(notes, folder / "notes.mid")
    if track.beats_from is not None:
        beats = pd.read_csv(track.beats_from)
        beats[beats["time"] < seconds].to_csv(folder / "beats.csv", index=False)
    if track.sections_from is not None:
        sections = track.sections[track.sections["start"] < seconds]
        sections = sections.assign(end=sections["end"].clip(upper=seconds))
        file = folder / "sections.lab"
        sections.to_csv(file, sep="\t", header=False, index=False)


def pytest_collection_modifyitems(items):
    """Mark what runs benchopt or a browser as slow."""
    for item in items:
        if {"original", "chromium"} & set(item.fixturenames):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def original(tmp_path_factory):
    """A copy of the suite with seconds of music for a corpus. Not to be changed."""
    root = tmp_path_factory.mktemp("suite") / "musaic"
    leave_out = shutil.ignore_patterns("mini", "outputs", "__cache__", "__pycache__")
    for folder in (
        *("benchmarks", "objectives", "solvers", "datasets", "plots"),
        *("musaic_core", "install_scripts", "tools"),
    ):
        shutil.copytree(ROOT / folder, root / folder, symlinks=True, ignore=leave_out)
    mini = root / "datasets" / "mini"
    for part, seconds in (("piano", 6), ("songs", 24)):
        shutil.copytree(MINI / part / "notes-seen", mini / part / "notes-seen")
        for split in ("train-seen", "test"):
            for track in read_corpus(MINI / part / split)[:2]:
                shorten(track, mini / part / split / track.id, seconds)
    (root / "benchopt.yml").touch(mode=0o600)
    return Suite(root)


@pytest.fixture
def suite(original, tmp_path):
    """A copy of the suite to change at will."""
    return original.copy(tmp_path / "musaic")


@pytest.fixture(scope="session")
def chromium():
    """One browser for all tests: Playwright can't be started twice at once."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as p:
        program = shutil.which("chromium") or p.chromium.executable_path
        if not Path(program).exists():
            pytest.skip("no Chromium: playwright install chromium")
        browser = p.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--mute-audio"]
        )
        yield browser
        browser.close()
