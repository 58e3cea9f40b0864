"""Train what ships with the repository: ``python -m tools.weights``.

States of learned solvers lie in `musaic_core/learned/weights`, so that a first run need
not train: those of the default runs on the embedded corpus, and those for one's own
recordings, which learn from all of its timbres. What ships depends on the code: an edit
to what a solver imports makes it train anew, until this has been called again.
``manifest.json`` beside the states says what each was trained on, how long, and where.
"""

import json
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from benchopt.benchmark import Benchmark
from benchopt.utils.run_context import RunContext

from musaic_core.benchmark.solver import SHIPPED, Solver
from musaic_core.benchmark.store import file_name

ROOT = Path(__file__).resolve().parent.parent
SOLVERS = ("note_cnn",)
MINI = ROOT / "datasets" / "mini"


def shipped() -> Iterator[tuple[str, Solver]]:
    """Give each solver that ships a state, with its task and seed set.

    Yields
    ------
    corpus : str
        What it learns from.
    solver : Solver
    """
    for file in sorted(ROOT.glob("benchmarks/*/objective.py")):
        benchmark = Benchmark(file.parent)
        objective_class = benchmark.get_benchmark_objective()
        datasets = {d.name: d for d in benchmark.get_datasets()}
        for cls in benchmark.get_solvers():
            if cls.name not in SOLVERS or cls.mismatch(objective_class.task_class):
                continue
            part = objective_class.learns_from
            corpora = [
                *(("mini", {"part": p}) for p in datasets["mini"].parameters["part"]),
                ("folder", {"path": str(MINI / part / "test"), "learn_from": part}),
            ]
            for name, parameters in corpora:
                dataset = datasets[name].get_instance(**parameters)
                objective, solver = objective_class.get_instance(), cls.get_instance()
                RunContext().set_run_context(objective, dataset, solver, 0, base_seed=0)
                objective._set_dataset(dataset)
                solver.set_task(objective.task)
                yield f"{name} {parameters.get('part', part)}", solver


def main() -> None:
    """Train what is not there, drop what is of no use any more, write a manifest."""
    manifest = {}
    for corpus, solver in shipped():
        print(f"{solver.name}, {corpus}", file=sys.stderr)
        solver.prepare()
        state, seconds = solver.fitted_in([SHIPPED])
        manifest[file_name(solver.state_depends_on())] = {
            "solver": solver.name,
            "corpus": corpus,
            "numbers": sum(array.size for array in state.values()),
            "seconds": round(seconds, 1),
            "machine": f"{platform.system()} {platform.machine()}",
            **solver.state_depends_on(),
        }
    for file in SHIPPED.iterdir():
        if file.name not in manifest and file.suffix in (".safetensors", ".lock"):
            file.unlink()
    text = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
    (SHIPPED / "manifest.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
