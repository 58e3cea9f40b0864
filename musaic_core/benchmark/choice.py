"""What a user has asked `benchopt run` for, and which parameters that sweeps."""

import itertools

import click

# parameters without a value: their product, the sweep, is empty
LEFT_OUT: dict = {"left out": []}


def runs_all(kind: str) -> bool:
    """Whether this is `benchopt run`, and no plugins of a kind were chosen.

    Such a run lists what makes sense for its task and is there, and nothing else: else
    most of its lines would say that something was skipped.

    Parameters
    ----------
    kind : {"solver", "dataset"}

    Returns
    -------
    bool
    """
    context = click.get_current_context(silent=True)
    if context is None or context.info_name != "run":
        return False
    if kind == "dataset":
        return not (context.params["dataset"] or context.params["config_file"])
    return not (context.params["solver"] or context.params["force_solver"])


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
