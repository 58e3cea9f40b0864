"""Works that were not saved when a studio ended: the next one goes on with them."""

import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from musaic_core.data.errors import InputError
from musaic_core.studio.saved import read_work, write_work
from musaic_core.studio.work import Work

FOLDER = Path(tempfile.gettempdir())
PREFIX = "musaic-left-"
FILE = "left.json"


@dataclass(frozen=True)
class Left:
    """A work that was not saved.

    Parameters
    ----------
    id : str
        That pages knew the recording by.
    folder : Path
        In which it is kept, with the recording if that was dropped.
    file : Path
        The recording.
    work : Work
    """

    id: str
    folder: Path
    file: Path
    work: Work

    def take_to(self, folder: Path) -> Path:
        """Move what is kept to another folder, in which it is not kept any more.

        Parameters
        ----------
        folder : Path
            Empty.

        Returns
        -------
        Path
            The recording.
        """
        self.folder.rename(folder)
        (folder / FILE).unlink()
        dropped = self.file.parent == self.folder
        return folder / self.file.name if dropped else self.file


def leave(id: str, file: Path, dropped: bool, work: Work) -> None:
    """Keep a work beyond the studio's end.

    Parameters
    ----------
    id : str
        That pages know the recording by.
    file : Path
        The recording.
    dropped : bool
        Whether it is a temporary one, which is moved then.
    work : Work
    """
    folder = FOLDER / f"{PREFIX}{id}"
    folder.mkdir(mode=0o700)
    if dropped:
        file = Path(shutil.move(file, folder / file.name))
    write_work(folder / FILE, work, str(file))


def left() -> list[Left]:
    """List the works that are kept.

    Returns
    -------
    list of Left
        Of this user, and of recordings that are still there.
    """
    found = []
    for kept in sorted(FOLDER.glob(f"{PREFIX}*/{FILE}")):
        with suppress(InputError, OSError):
            if hasattr(os, "getuid") and kept.stat().st_uid != os.getuid():
                continue
            work, recording = read_work(kept)
            id = kept.parent.name.removeprefix(PREFIX)
            if Path(recording).is_file():
                found.append(Left(id, kept.parent, Path(recording), work))
    return found
