"""A published folder: replaced as a whole, and nothing else is touched."""

import contextlib
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from musaic_core.data.errors import InputError
from musaic_core.publish.pack import write_text

MARKER = ".musaic-site"  # lists the files of a published folder, one a line


@contextlib.contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """Write a folder beside the one that it takes the place of when all is done.

    Parameters
    ----------
    folder : Path
        New, empty, or published before: then its marker lists all that is in it.

    Yields
    ------
    Path
        An empty folder on the same file system, to write to. If that fails, it is
        deleted, and what was published before stays as it is.

    Raises
    ------
    InputError
        The folder holds something that was not published, which would be lost.
    """
    folder = folder.resolve()
    _check(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    mark = uuid.uuid4().hex[:8]
    new = folder.with_name(f".{folder.name}-new-{mark}")
    old = folder.with_name(f".{folder.name}-old-{mark}")
    new.mkdir()
    try:
        yield new
        write_text("".join(f"{name}\n" for name in _files(new)), new / MARKER)
        _check(folder)  # it took a while
        if folder.exists():
            folder.rename(old)
        try:
            new.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    if old.exists():
        shutil.rmtree(old)


def _check(folder):
    """Refuse a folder with anything in it that the last site did not bring."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; choose a folder")
    present = _files(folder)
    marker = folder / MARKER
    if present and not marker.is_file():
        raise InputError(
            f"{folder} holds something else than a published site; choose a new folder"
        )
    if marker.is_file():
        published = set(marker.read_text(encoding="utf-8").splitlines())
        foreign = [name for name in present if name not in {*published, MARKER}]
        if foreign:
            raise InputError(
                f"{folder} holds {', '.join(foreign[:3])}, which no site brought; move "
                "it elsewhere, for the folder is replaced"
            )


def _files(folder):
    """Relative paths of all that is in a folder but folders that hold something."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir() or not any(path.iterdir())
    )
