"""What a user has asked `benchopt run` for, and which parameters that sweeps."""

import itertools
import os.path
import re
import shlex
from pathlib import Path

import click
import yaml
from benchopt.benchmark import get_running_benchmark
from benchopt.utils.parametrized_name_mixin import _get_used_parameters

# parameters without a value: their product, the sweep, is empty
LEFT_OUT: dict = {"left out": []}


def chosen(kind: str) -> list:
    """List what `benchopt run` is asked for, in its options or its configuration.

    Parameters
    ----------
    kind : {"solver", "dataset", "objective"}

    Returns
    -------
    list of str or dict
        As a user has written them; empty where all are to be run, and in other
        commands.
    """
    context = click.get_current_context(silent=True)
    if context is None or context.info_name != "run":
        return []
    file = context.params.get("config_file")
    configured = (yaml.safe_load(Path(file).read_bytes()) or {}) if file else {}
    names = [kind, "force_solver"] if kind == "solver" else [kind]
    found = []
    for name in names:
        # as benchopt does: an option goes before the configuration
        asked = context.params.get(name) or configured.get(name.replace("_", "-")) or ()
        found += asked if isinstance(asked, (list, tuple)) else [asked]
    return found


def runs_all(kind: str) -> bool:
    """Whether this is `benchopt run`, and no plugins of a kind were chosen, or all.

    Such a run lists what makes sense for its task and is there, and nothing else: else
    most of its lines would say that something was skipped. A configuration that names
    ``*`` runs all, and may name variants of some besides.

    Parameters
    ----------
    kind : {"solver", "dataset"}

    Returns
    -------
    bool
    """
    context = click.get_current_context(silent=True)
    asked = chosen(kind)
    is_run = context is not None and context.info_name == "run"
    return is_run and (not asked or not {"all", "*"}.isdisjoint(asked))


def asked_values(parameter: str) -> set:
    """Say which values of a parameter of its objective a run takes.

    Parameters
    ----------
    parameter : str
        Name of the parameter.

    Returns
    -------
    set
        Of the objective's default sweep, or what the user chose.
    """
    benchmark = get_running_benchmark()
    filters = benchmark.check_objective_filters(chosen("objective"))
    return {
        parameters[parameter]
        for objective, filtered in filters
        for parameters in _get_used_parameters(objective, filtered)
    }


# A path among a plugin's parameters: up to the next parameter, or the end.
_PATH = re.compile(
    r"\b(?:path|train|isolated|learn_from|weights)\s*=\s*([^\[\s].*?)\s*(?=,\s*\w+\s*=|\]$)"
)
# What benchopt takes for text without quotes; of all else it makes something else.
_PLAIN = re.compile(r"[a-zA-Z/\\][a-zA-Z0-9._/\\-]*")


def check_paths() -> None:
    """End the run where benchopt would misread a path, and say what to write.

    Datasets have paths, and solvers with ``weights``. benchopt drops the blanks of one
    without quotes, and takes ``~``, dots at its beginning and letters beyond ASCII for
    mistakes.

    Raises
    ------
    SystemExit
        A path needs quotes, or another name. benchopt shows nothing else that is raised
        where a plugin is imported.
    """
    asked = [("-d", text) for text in chosen("dataset")]
    asked += [("-s", text) for text in chosen("solver")]
    for option, text in asked:
        if not isinstance(text, str):
            continue
        fixed = _PATH.sub(
            lambda match: match[0].replace(match[1], _readable(match[1])), text
        )
        if fixed != text:
            raise SystemExit(f'\n! put the path in quotes: {option} "{fixed}"')


def _readable(path):
    """A path as benchopt reads it rightly: as it is, or in quotes."""
    if _PLAIN.fullmatch(path):
        return path
    quoted = path[0] in "'\"" and path[-1] == path[0] and len(path) > 2
    name = path[1:-1] if quoted else path
    if set(name) & set("'\"=") or name.count("[") != name.count("]"):
        # in quotes, a shell takes ~ for a name; and a link begins where it lies
        folder = os.path.abspath(os.path.expanduser(name))
        raise SystemExit(
            f"\n! {name}: benchopt can't read quotation marks, = or single brackets "
            "in a path; rename the folder, or give it another name: "
            f"ln -s {shlex.quote(folder)} ~/recordings"
        )
    if quoted and "\\" not in name:
        return path
    return "'" + name.replace("\\", "/") + "'"


def sweep(solver):
    """Go through each combination of a solver's default parameters.

    Parameters
    ----------
    solver : subclass of benchopt.BaseSolver

    Yields
    ------
    dict
        Values by the parameters' names.
    """
    for values in itertools.product(*solver.parameters.values()):
        parameters = {}
        for names, value in zip(solver.parameters, values, strict=True):
            names = [name.strip() for name in names.split(",")]
            parameters |= zip(names, value if len(names) > 1 else [value], strict=True)
        yield parameters


def as_parameters(variants: list[dict]) -> dict:
    """Give the `parameters` of a class whose sweep is these combinations.

    Parameters
    ----------
    variants : list of dict
        From `sweep`, or some of them.

    Returns
    -------
    dict
        `LEFT_OUT` where there are none.
    """
    if not variants:
        return LEFT_OUT
    names = list(variants[0])
    if not names:
        return {}
    values = [tuple(v.values()) for v in variants]
    return {",".join(names): values if len(names) > 1 else [v for (v,) in values]}
