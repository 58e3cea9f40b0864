"""Paths of several files as one text, as a cell of a results file holds them."""

from collections.abc import Iterable


def join_paths(paths: Iterable[str]) -> str:
    """Write paths one after the other, with semicolons between.

    Parameters
    ----------
    paths : iterable of str
        Their own semicolons become ``%3B``, and their per cent signs ``%25``.

    Returns
    -------
    str
        What `split_paths` reads.
    """
    return ";".join(path.replace("%", "%25").replace(";", "%3B") for path in paths)


def split_paths(text: str) -> list[str]:
    """Read the paths that `join_paths` has written.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of str
    """
    paths = filter(None, text.split(";"))
    return [path.replace("%3B", ";").replace("%25", "%") for path in paths]
