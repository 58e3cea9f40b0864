"""All that is open in a studio, and the folder in which its works are saved."""

import contextlib
import filecmp
import importlib
import itertools
import shutil
import tempfile
import threading
import time
from pathlib import Path

from musaic_core.data.audio import audio_files
from musaic_core.data.errors import InputError
from musaic_core.studio.models import questions
from musaic_core.studio.saved import read_work
from musaic_core.studio.session import Session

AT_ONCE = 3  # recordings whose answers are kept in memory, and those that pages show
LONGEST_NAME = 200  # bytes: disks take 255, and names of saved works are longer


def name_of(told: str) -> str:
    """Make a name that any disk takes of what a page says a dropped file is called.

    Parameters
    ----------
    told : str
        Perhaps with a path, line breaks, or longer than disks take.

    Returns
    -------
    str

    Raises
    ------
    InputError
        Nothing is left of it.
    """
    last = Path(told.replace("\\", "/").replace("\0", " ")).name
    name = "".join(c if c.isprintable() else " " for c in last).strip()
    if not name or name.startswith("."):
        raise InputError("the recording has no name; drop a file")
    suffix = Path(name).suffix
    if len(suffix.encode()) > 10:
        suffix = ""
    stem = name.removesuffix(suffix).encode()[: LONGEST_NAME - len(suffix.encode())]
    return stem.decode(errors="ignore") + suffix


class Studio:
    """All recordings that are open.

    Parameters
    ----------
    folder : Path
        In which works are saved, and those that were are opened.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder).resolve()
        self.questions = questions()
        self.sessions: dict[str, Session] = {}
        self.opened: str | None = None  # what the command line named
        self.ended = False
        self._temporary = tempfile.TemporaryDirectory(prefix="musaic-studio-")
        self._numbers = itertools.count()
        self._opening = threading.Lock()

    def end(self) -> None:
        """Stop what runs, and tell nobody any more."""
        self.ended = True
        for session in [*self.sessions.values()]:
            session.ended = True
            session.stop()

    def close(self) -> None:
        """Stop what runs, and remove what is temporary."""
        self.end()
        with contextlib.suppress(OSError):
            self._temporary.cleanup()

    def warm_up(self) -> None:
        """Begin to learn what the default models need, while no other runs."""

        def learn():
            for question in self.questions.values():
                while any(session.running for session in [*self.sessions.values()]):
                    time.sleep(0.5)
                for model in list(question.models.values())[:1]:
                    with contextlib.suppress(Exception):  # told when it is asked
                        _ = model.decode
            with contextlib.suppress(ImportError):
                importlib.import_module("torch._dynamo")  # the first correction would

        threading.Thread(target=learn, daemon=True).start()

    def temporary(self) -> Path:
        """Make a folder that goes when the studio ends.

        Returns
        -------
        Path
        """
        folder = Path(self._temporary.name) / str(next(self._numbers))
        folder.mkdir()
        return folder

    def open(self, file: Path) -> Session:
        """Open a recording; one that is open is the same for all pages.

        Parameters
        ----------
        file : Path

        Returns
        -------
        Session
        """
        with self._opening:
            for session in self.sessions.values():
                if session.file == file:
                    return self._looked_at(session)
            told = file, file.name, self.folder, self.questions
            return self._looked_at(Session(*told, self.temporary()))

    def look(self, id: str) -> Session | None:
        """Give a recording that is open, for a page that shows it from now on.

        Parameters
        ----------
        id : str

        Returns
        -------
        Session or None
        """
        with self._opening:
            session = self.sessions.get(id)
            return session and self._looked_at(session)

    def _looked_at(self, session):
        """Put a session last, and let go of those that nobody has looked at since."""
        self.sessions.pop(session.id, None)
        unseen = [other for other in self.sessions.values() if not other.listeners]
        for other in unseen[: max(0, len(unseen) - AT_ONCE + 1)]:
            other.rest()
            if other.is_saved and other.id != self.opened:
                del self.sessions[other.id]
                shutil.rmtree(other.temporary, ignore_errors=True)
                if Path(self._temporary.name) in other.file.parents:  # it was dropped
                    shutil.rmtree(other.file.parent, ignore_errors=True)
        self.sessions[session.id] = session
        session.wake()
        return session

    def take(self, file: Path) -> Session:
        """Open a recording that was dropped, or what is the same and is there already.

        Parameters
        ----------
        file : Path
            Temporary.

        Returns
        -------
        Session
            Whoever drops a recording again finds the work on it.
        """
        opened = [session.file for session in [*self.sessions.values()]]
        for other in (self.folder / file.name, *opened):
            same = other.name == file.name and other.is_file()
            if same and filecmp.cmp(file, other, shallow=False):
                shutil.rmtree(file.parent)
                return self.open(other)
        return self.open(file)

    def unsaved(self) -> list[dict]:
        """List the recordings of which something was said that is not saved.

        Returns
        -------
        list of dict
            ``id`` and ``name``.
        """
        sessions = [*self.sessions.values()]
        return [{"id": s.id, "name": s.name} for s in sessions if not s.is_saved]

    def works(self) -> list[dict]:
        """List the works that are saved in the folder.

        Returns
        -------
        list of dict
            ``file``, ``name`` of the recording, ``changed`` (s since 1970).
        """
        found, there = [], {file.name for file in audio_files(self.folder)}
        for file in self.folder.glob("*.studio.json"):
            with contextlib.suppress(InputError, OSError):  # it is none
                _, name = read_work(file)
                if name in there:
                    changed = file.stat().st_mtime
                    found.append({"file": file.name, "name": name, "changed": changed})
        return sorted(found, key=lambda work: -work["changed"])
