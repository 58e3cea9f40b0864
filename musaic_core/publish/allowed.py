"""Which of the files that a results file names may be read.

A results file may come from elsewhere, and what it names is published: so nothing is
read that does not lie where a run of these benchmarks puts or finds it.
"""

from collections.abc import Iterable
from pathlib import Path

from musaic_core.data.paths import split_paths
from musaic_core.publish.results import Benchmark
from musaic_core.results.rows import inside


class RefusedError(PermissionError):
    """A file lies where nothing is read."""


class Allowed:
    """Which files that a results file names may be read.

    Parameters
    ----------
    folders : iterable of Path
        Those that the user allows besides a benchmark's outputs and the repository.

    Attributes
    ----------
    refused : dict of str to set of str
        Folders whose files were not read, by what they were wanted for.
    withheld : dict of str to set of str
        The same of recordings, which many may hear and not publish.
    """

    def __init__(self, folders: Iterable[Path] = ()) -> None:
        self.folders = [Path(folder).resolve() for folder in folders]
        self.refused: dict[str, set[str]] = {}
        self.withheld: dict[str, set[str]] = {}

    def answer(self, benchmark: Benchmark, files: str) -> Path:
        """Find the folder of a saved answer.

        Parameters
        ----------
        benchmark : Benchmark
            Whose results name it.
        files : str
            From the results file, relative to the benchmark's outputs.

        Returns
        -------
        Path
            The folder, which need not be there, links followed.

        Raises
        ------
        RefusedError
            It, or something in it, lies or leads elsewhere.
        """
        folder, what = benchmark.outputs / files, f"an answer of {benchmark.title}"
        self._check(folder, [benchmark.outputs], what)
        for path in folder.rglob("*"):
            self._check(path, [benchmark.outputs], what)
        return folder.resolve()

    def audio(self, benchmark: Benchmark, files: str) -> list[Path]:
        """Find the files of a recording.

        Parameters
        ----------
        benchmark : Benchmark
            Whose results name it.
        files : str
            From the results file, as `musaic_core.data.paths` joins them: relative to
            the repository, or absolute.

        Returns
        -------
        list of Path
            They need not be there.

        Raises
        ------
        RefusedError
            One lies neither in the repository, nor in the benchmark's outputs, nor in
            an allowed folder.
        """
        found = [benchmark.repository / name for name in split_paths(files)]
        allowed = [benchmark.repository, benchmark.outputs, *self.folders]
        for file in found:
            what = f"a recording of {benchmark.title}"
            self._check(file, allowed, what, self.withheld)
        return found

    def source(self, benchmark: Benchmark, file: str) -> Path:
        """Find the file that a solver is defined in.

        Parameters
        ----------
        benchmark : Benchmark
            Whose results name it.
        file : str
            From the results file, relative to the benchmark's folder.

        Returns
        -------
        Path
            The file, which need not be there.

        Raises
        ------
        RefusedError
            It lies outside of the repository, or is no Python file.
        """
        found = benchmark.folder / file
        self._check(found, [benchmark.repository], f"a solver of {benchmark.title}")
        if found.resolve().suffix != ".py":
            raise RefusedError(f"{file}: is no Python file, so it is not read")
        return found

    def _check(self, path, folders, what, noted=None):
        if inside(path, folders):
            return
        folder = str(Path(path).resolve().parent)
        noted = self.refused if noted is None else noted
        noted.setdefault(what, set()).add(folder)
        raise RefusedError(f"{path}: leads out of the repository; not read")

    @property
    def problems(self) -> list[str]:
        """A line for each kind of thing that was not read, with what to do."""
        return self._lines(self.refused) + self._lines(self.withheld)

    @property
    def faults(self) -> list[str]:
        """Those of them that a page is to show: not of recordings."""
        return self._lines(self.refused)

    @staticmethod
    def _lines(found):
        return [
            f"{what} lies outside of the repository, so it was not read: "
            f"{', '.join(sorted(folders)[:3])}. Where it should be, allow the folder "
            "with --audio FOLDER or copy it into the repository"
            for what, folders in sorted(found.items())
        ]
