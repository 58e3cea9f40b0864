"""What a user has asked `benchopt run` for."""

import click


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
