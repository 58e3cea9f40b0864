"""Names of the folders that a run keeps its files in."""

import hashlib
import re
from collections.abc import Iterable

LONGEST = 200  # bytes of the name of a folder; file systems take 255


def unique_names(names: Iterable[str]) -> dict[str, str]:
    """Make names of folders, each of its own also where names differ in blanks alone.

    Parameters
    ----------
    names : iterable of str
        Such as recordings have.

    Returns
    -------
    dict of str to str
        The folder of each.
    """
    folders, taken = {}, set()
    for name in names:
        folder = re.sub(r"[^\w.-]+", "_", name).strip(".") or "unnamed"
        if len(folder.encode()) > LONGEST or folder.lower() in taken:
            folder = marked(folder, name)
        taken.add(folder.lower())
        folders[name] = folder
    return folders


def marked(folder: str, name: str) -> str:
    """Make a folder's name that is not too long, and its own for each name.

    Parameters
    ----------
    folder : str
        As it would be.
    name : str
        What tells it from others.

    Returns
    -------
    str
    """
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{folder.encode()[:LONGEST].decode(errors='ignore')}-{digest}"
