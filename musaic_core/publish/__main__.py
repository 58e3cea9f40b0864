"""Make the published dashboards: ``python -m musaic_core.publish``."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from musaic_core.data.errors import InputError
from musaic_core.publish.allowed import Allowed
from musaic_core.publish.results import read_latest
from musaic_core.publish.site import write_site


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the latest results of each benchmark and write the site.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the command line, without the program's name; by default those that it
        was called with.
    """
    parser = argparse.ArgumentParser(prog="python -m musaic_core.publish")
    parser.description = "Make a static site of the latest results of each benchmark."
    parser.add_argument(
        "results",
        nargs="*",
        type=Path,
        help="results files to show in place of the latest of their benchmarks; a "
        "benchmark may have several, as of the embedded corpus and of recordings",
    )
    parser.add_argument("--benchmarks", type=Path, default=Path("benchmarks"))
    parser.add_argument("--output", type=Path, default=Path("results"))
    parser.add_argument(
        "--audio",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="a folder outside of the repository whose recordings may be published, "
        "where results name them; may be given several times",
    )
    given = parser.parse_args(arguments)
    start = time.perf_counter()
    folders = sorted(path.parent for path in given.benchmarks.glob("*/objective.py"))
    if not folders:
        parser.error(f"{given.benchmarks} holds no benchmark; run it in the repository")
    chosen = {folder.name: [] for folder in folders}
    for file in given.results:
        name = file.resolve().parent.parent.name
        if name not in chosen:
            parser.error(f"{file} lies in no benchmark's folder outputs/")
        chosen[name].append(file)
    read = [read_latest(folder, chosen[folder.name]) for folder in folders]
    benchmarks = [benchmark for benchmark, _ in read if benchmark is not None]
    # losses after scores, which most readers look for; else by their titles
    benchmarks.sort(key=lambda b: (b.lower_is_better, b.title))
    problems = [problem for _, found in read for problem in found]
    if not benchmarks:
        parser.error("\n".join(["there is nothing to publish:", *problems]))
    try:
        problems = write_site(benchmarks, problems, given.output, Allowed(given.audio))
    except InputError as error:
        parser.error(str(error))
    for problem in problems:
        _say(f"! {problem}")
    size = sum(f.stat().st_size for f in given.output.rglob("*") if f.is_file())
    _say(
        f"{given.output / 'index.html'}: {size / 1e6:.1f} MB "
        f"in {time.perf_counter() - start:.0f} s"
    )


def _say(text):
    """Print what the terminal's encoding has no letters for by its code."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))


if __name__ == "__main__":
    main()
