"""The table of solvers and tasks: ``python -m tools.overview`` writes it."""

from pathlib import Path

from benchopt.benchmark import Benchmark

from musaic_core.benchmark.choice import sweep

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "benchmarks" / "README.md"
HEAD = """# Benchmarks

Of what kind each solver is, and what it gives in each task with its default parameters.
A number points to why a combination makes no sense, or to the parameters for which it
makes none. Recordings may rule out more, such as those without stems; a run says so.
`python -m tools.overview` writes this page from the code.

"""


def overview(folder: Path = FILE.parent) -> str:
    """Ask every solver about every task, by their classes alone.

    Parameters
    ----------
    folder : Path
        Of the benchmarks.

    Returns
    -------
    str
        Markdown: solvers by tasks, and the reasons for what is left out.

    Raises
    ------
    Exception
        What kept a file of an objective or a solver from being loaded.
    """
    heads, lines, notes = ["solver", "kind"], {}, []
    for file in sorted(folder.glob("*/objective.py")):
        benchmark = Benchmark(file.parent)
        objective = _loaded(benchmark.get_benchmark_objective())
        heads.append(_link(objective.title, file, folder))
        for solver in map(_loaded, benchmark.get_solvers()):
            name = _link(f"`{solver.name}`", solver._module_filename, folder)
            line = lines.setdefault(name, [solver.kind])
            line.append(_cell(solver, objective.task_class, notes))
    rows = [heads, ["---"] * len(heads), *([name, *c] for name, c in lines.items())]
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return HEAD + table + "\n" + "".join(f"{i}. {n}\n" for i, n in enumerate(notes, 1))


def parameters(root: Path = ROOT, kind: str | None = None) -> list[list[str]]:
    """List what each solver looks at, and what a default run sweeps of it.

    Parameters
    ----------
    root : Path
        Of the repository.
    kind : str, optional
        Of the solvers, such as low-rank; by default all.

    Returns
    -------
    list of list of str
        A row a solver, the first row the heads.
    """
    rows = [["solver", "V", "parameters of a default run"]]
    benchmark = Benchmark(min(root.glob("benchmarks/*/objective.py")).parent)
    for solver in map(_loaded, benchmark.get_solvers()):
        if kind in (None, solver.kind):
            axes = [" × ".join(name or "any" for name in axes) for axes in solver.axes]
            swept = [f"{k} = {_values(v)}" for k, v in solver.parameters.items()]
            rows.append([f"`{solver.name}`", " or ".join(axes), "; ".join(swept)])
    return [[cell or "–" for cell in row] for row in rows]


def _values(values):
    """The values of a parameter, or of some that go together."""
    values = [value if isinstance(value, tuple) else (value,) for value in values]
    return " or ".join(", ".join(map(str, value)) for value in values)


def _loaded(plugin):
    """A plugin's class; raises what kept its file from being loaded."""
    if hasattr(plugin, "_exc"):  # benchopt's stand-in for what did not load
        raise plugin._exc
    return plugin


def _link(text, file, folder):
    root = folder.resolve().parent
    return f"[{text}](../{Path(file).resolve().relative_to(root).as_posix()})"


def _cell(solver, task, notes):
    """What the solver gives in the task, and the numbers of the notes on it."""
    reason, left_out, running = solver.mismatch(task), {}, []
    for parameters in sweep(solver):
        misfit = reason or solver.misfit_of(parameters, task)
        if misfit:
            left_out.setdefault(misfit, []).append(parameters)
        else:
            running.append(parameters)
    marks = []
    for reason, skipped in left_out.items():
        note = f"{_choice(skipped, running)}{reason}."
        note = note if note.startswith("With") else note[0].upper() + note[1:]
        if note not in notes:
            notes.append(note)
        marks.append(str(notes.index(note) + 1))
    what = "–"
    if running:  # an algorithm says which models' factors it gives
        what = ", ".join(getattr(solver, "models", [task.answers]))
    return f"{what} ({', '.join(marks)})" if marks else what


def _choice(skipped, running):
    """Which parameters the skipped variants have and the others have not."""
    for name in skipped[0] if running else ():
        values = [parameters[name] for parameters in skipped]
        if not any(parameters[name] in values for parameters in running):
            told = dict.fromkeys(f"`{name}={value}`" for value in values)
            return f"With {' or '.join(told)}: "
    return ""


if __name__ == "__main__":
    FILE.write_text(overview(), encoding="utf-8", newline="\n")
    print(FILE)
