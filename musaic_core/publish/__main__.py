"""Make the published dashboards: ``python -m musaic_core.publish``."""

import argparse
import shlex
import sys
import time
from pathlib import Path

from musaic_core.data.track import InputError
from musaic_core.publish.results import TASKS, read_latest
from musaic_core.publish.site import write_site


def main(arguments=None):
    """Read the latest results of each benchmark; write the site."""
    parser = argparse.ArgumentParser(prog="python -m musaic_core.publish")
    parser.description = "Make a static site of the latest results of each benchmark."
    parser.add_argument(
        "results",
        nargs="*",
        type=Path,
        help="results files to show in place of the latest of their benchmarks",
    )
    parser.add_argument("--benchmarks", type=Path, default=Path("benchmarks"))
    parser.add_argument("--output", type=Path, default=Path("results"))
    given = parser.parse_args(arguments)
    start = time.perf_counter()
    folders = [path.parent for path in given.benchmarks.glob("*/objective.py")]
    order = [*TASKS, *sorted(folder.name for folder in folders)]
    folders.sort(key=lambda folder: order.index(folder.name))
    if not folders:
        parser.error(f"{given.benchmarks} holds no benchmark; run it in the repository")
    chosen = {file.resolve().parent.parent.name: file for file in given.results}
    for name, file in chosen.items():
        if name not in {folder.name for folder in folders}:
            parser.error(f"{file} lies in no benchmark's folder outputs/")
    read = [read_latest(folder, chosen.get(folder.name)) for folder in folders]
    benchmarks = [benchmark for benchmark, _ in read if benchmark is not None]
    problems = [problem for _, found in read for problem in found]
    if not benchmarks:
        parser.error("\n".join(["there is nothing to publish:", *problems]))
    words = ["python", "-m", "musaic_core.publish", *(arguments or sys.argv[1:])]
    try:
        write_site(benchmarks, problems, given.output, shlex.join(words))
    except InputError as error:
        parser.error(str(error))
    for problem in problems + [p for b in benchmarks for p in b.problems]:
        print(f"! {problem}")
    size = sum(f.stat().st_size for f in given.output.rglob("*") if f.is_file())
    print(
        f"{given.output / 'index.html'}: {size / 1e6:.1f} MB "
        f"in {time.perf_counter() - start:.0f} s"
    )


if __name__ == "__main__":
    main()
