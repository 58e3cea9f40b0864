"""The files of a work: each is written whole or not at all, and none is lost."""

import itertools
import json
import secrets
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from musaic_core.data.errors import InputError
from musaic_core.data.hints import Hint, read_hints, write_hints
from musaic_core.studio.work import Work


def read_work(file: Path) -> tuple[Work, str]:
    """Read a saved work.

    Parameters
    ----------
    file : Path

    Returns
    -------
    work : Work
    recording : str
        Name of the recording, which lies beside it.

    Raises
    ------
    InputError
        It can't be read.
    """
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{file}: is no saved work ({error}); remove it to begin anew"
        ) from None
    work = Work.from_json(said, str(file))
    return work, str(said.get("recording", ""))


def write_work(file: Path, work: Work, recording: str) -> None:
    """Write a work.

    Parameters
    ----------
    file : Path
    work : Work
    recording : str
        Name of the recording, which lies beside it.
    """
    said = {"recording": recording, **work.to_json()}
    text = json.dumps(said, indent=1, ensure_ascii=False) + "\n"
    file.write_text(text, encoding="utf-8")


def write_whole(file: Path, write: Callable[[Path], None]) -> None:
    """Write a file at once: where that fails, the one that was there stays.

    Parameters
    ----------
    file : Path
    write : callable
        Writes to the path that it is given.

    Raises
    ------
    InputError
        There is no room, or no leave to write.
    """
    new = file.with_name(f".studio-{secrets.token_hex(4)}")
    try:
        write(new)
        new.replace(file)
    except OSError as error:
        raise InputError(
            f"{file}: it can't be written ({error.strerror}); what was there is kept"
        ) from None
    finally:
        new.unlink(missing_ok=True)


def work_file(recording: Path) -> Path:
    """Where the work on a recording is saved: beside it.

    Parameters
    ----------
    recording : Path

    Returns
    -------
    Path
    """
    return recording.with_name(f"{recording.stem}.studio.json")


def save_work(work: Work, source: Path, recording: Path) -> Path | None:
    """Write a recording, if it is not there, and the work and its hints beside it.

    Parameters
    ----------
    work : Work
    source : Path
        Where the recording is now.
    recording : Path
        Where it is to be.

    Returns
    -------
    Path or None
        Where hints of that name are now that somebody else has written.

    Raises
    ------
    InputError
        It can't be written, or something else would be lost by it.
    """
    file, ours = work_file(recording), [work.hints]
    if file.exists():
        before, name = read_work(file)
        if name != recording.name:
            raise InputError(
                f"{file} is the work of another recording; rename that, or this one"
            )
        ours.append(before.hints)
    if source.resolve() != recording.resolve():
        if recording.exists():
            raise InputError(
                f"{recording} is another recording of that name; rename it, or this"
            )
        write_whole(recording, lambda new: shutil.copyfile(source, new))
    hints = recording.with_name(f"{recording.stem}.hints.json")
    aside = put_aside(hints, ours)
    write_whole(hints, lambda new: write_hints(new, work.hints))
    write_whole(file, lambda new: write_work(new, work, recording.name))
    return aside


def put_aside(file: Path, ours: Iterable[tuple[Hint, ...]]) -> Path | None:
    """Rename a file of hints that somebody else has written.

    Parameters
    ----------
    file : Path
        Perhaps it is not there.
    ours : iterable of tuple of Hint
        What the studio has written, or is about to.

    Returns
    -------
    Path or None
        Where it is now; None if it stays.

    Raises
    ------
    InputError
        It can't be renamed.
    """
    if not file.exists():
        return None
    try:
        if tuple(read_hints(file)) in ours:
            return None
    except InputError:  # it is none, and may yet be of use to somebody
        pass
    names = (file.with_suffix(f".{i}.json") for i in itertools.count(1))
    other = next(name for name in names if not name.exists())
    try:
        return file.rename(other)
    except OSError as error:
        raise InputError(
            f"{file}: the studio has not written it, and can't rename it "
            f"({error.strerror}); put it elsewhere"
        ) from None
