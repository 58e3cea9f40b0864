"""The table of solvers and tasks: ``python -m tools.overview`` writes it."""

from itertools import product
from pathlib import Path

from benchopt.benchmark import Benchmark
from benchopt.utils.run_context import RunContext

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "benchmarks" / "README.md"
SONGS = {"part": "songs", "timbre": "seen"}  # they carry every annotation
HEAD = """# Benchmarks

What each solver gives in each task, with its default parameters. A number points to
why a combination makes no sense, or to the parameters for which it makes none.
`python -m tools.overview` writes this page from the code.

"""


def overview() -> str:
    """Ask every solver about every task.

    Returns
    -------
    str
        Markdown: solvers by tasks, and the reasons for what is left out.
    """
    heads, lines, notes = ["solver"], {}, []
    for folder in sorted(FILE.parent.glob("*/")):
        benchmark = Benchmark(folder)
        heads.append(
            f"[{benchmark.get_benchmark_objective().name}](../objectives/{folder.name}.py)"
        )
        tasks = list(_tasks(benchmark))
        for solver in benchmark.get_solvers():
            file = solver.__module__.rpartition(".")[2]
            line = lines.setdefault(f"[`{solver.name}`](../solvers/{file}.py)", [])
            line.append(_cell(solver, tasks, notes))
    rows = [heads, ["---"] * len(heads), *([name, *c] for name, c in lines.items())]
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return HEAD + table + "\n" + "".join(f"{i}. {n}\n" for i, n in enumerate(notes, 1))


def _tasks(benchmark):
    """The benchmark's tasks, on the embedded songs or on simulated data."""
    datasets = {dataset.name: dataset for dataset in benchmark.get_datasets()}
    if "mini" in datasets:
        pairs = [({}, datasets["mini"].get_instance(**SONGS))]
    else:
        pairs = [
            ({"model": m, "beta": b}, datasets["simulated"].get_instance(model=m))
            for m, b in product(("nmf", "ncp", "ntd"), (1, 2))
        ]
    for parameters, dataset in pairs:
        objective = benchmark.get_benchmark_objective().get_instance(**parameters)
        RunContext().set_run_context(
            objective, dataset, "overview", repetition=0, base_seed=0
        )
        objective._set_dataset(dataset)
        yield objective.get_objective()["task"]


def _variants(solver):
    """The solver with each combination of its default parameters."""
    for values in product(*solver.parameters.values()):
        parameters = {}
        for names, value in zip(solver.parameters, values, strict=True):
            names = names.replace(" ", "").split(",")
            parameters |= zip(names, value if len(names) > 1 else [value], strict=True)
        yield parameters, solver.get_instance(**parameters)


def _cell(solver, tasks, notes):
    """What the solver gives in these tasks, and the numbers of the notes on it."""
    given, left_out, running = [], {}, []
    for parameters, variant in _variants(solver):
        reasons = [variant.mismatch(task) or variant.misfit(task) for task in tasks]
        if all(reasons):
            left_out.setdefault(reasons[0], []).append(parameters)
            continue
        running.append(parameters)
        for task, reason in zip(tasks, reasons, strict=True):
            if reason is None:
                given.append(getattr(task, "model", task.asks_for))
    marks = []
    for reason, skipped in left_out.items():
        note = f"{_choice(skipped, running)}{reason}."
        note = note if note.startswith("With") else note[0].upper() + note[1:]
        if note not in notes:
            notes.append(note)
        marks.append(str(notes.index(note) + 1))
    what = ", ".join(dict.fromkeys(given)) or "–"
    return f"{what} ({', '.join(marks)})" if marks else what


def _choice(skipped, given):
    """Which parameters the skipped variants have and the others have not."""
    for name in skipped[0]:
        values = {parameters[name] for parameters in skipped}
        if given and values.isdisjoint(parameters[name] for parameters in given):
            values = " or ".join(f"`{name}={value}`" for value in sorted(values))
            return f"With {values}: "
    return ""


if __name__ == "__main__":
    FILE.write_text(overview())
    print(FILE)
