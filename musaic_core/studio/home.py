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
from musaic_core.studio.left import Left, leave, left
from musaic_core.studio.models import questions
from musaic_core.studio.saved import read_work, work_file
from musaic_core.studio.session import Session
from musaic_core.studio.work import Work

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
        """Stop what runs, keep what is not saved, and remove what is temporary."""
        self.end()
        while self.sessions:
            _, session = self.sessions.popitem()
            shutil.rmtree(session.temporary, ignore_errors=True)  # it makes room
            work, file = session.work, session.file
            said = work != Work(*work.asked) or work_file(file).exists()
            if said and not session.is_saved:
                self._leave(session.id, file, work)
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
            kept = next((kept for kept in left() if kept.file == file), None)
            return self._looked_at(self._session(file, kept))

    def _session(self, file: Path, kept: Left | None) -> Session:
        """Open a recording that was not, with the work on it that was not saved."""
        told = self.folder, self.questions, self.temporary()
        if kept is None:
            return Session(file, file.name, *told)
        folder = self.temporary()
        folder.rmdir()
        file = kept.take_to(folder)
        try:
            return Session(file, file.name, *told, kept.id, kept.work)
        except BaseException:
            self._leave(kept.id, file, kept.work)
            raise

    def look(self, id: str) -> Session | None:
        """Give a recording that is open, or was, for a page that shows it from now on.

        Parameters
        ----------
        id : str

        Returns
        -------
        Session or None
        """
        with self._opening:
            session = self.sessions.get(id)
            if session is None:
                kept = next((kept for kept in left() if kept.id == id), None)
                session = kept and self._session(kept.file, kept)
            return session and self._looked_at(session)

    def _is_dropped(self, file):
        return Path(self._temporary.name) in file.parents

    def _leave(self, id, file, work):
        with contextlib.suppress(OSError):
            leave(id, file, self._is_dropped(file), work)

    def _looked_at(self, session):
        """Put a session last, and let go of those that nobody has looked at since."""
        self.sessions.pop(session.id, None)
        unseen = [other for other in self.sessions.values() if not other.listeners]
        for other in unseen[: max(0, len(unseen) - AT_ONCE + 1)]:
            other.rest()
            if other.is_saved and other.id != self.opened:
                del self.sessions[other.id]
                shutil.rmtree(other.temporary, ignore_errors=True)
                if self._is_dropped(other.file):
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
        known = [session.file for session in [*self.sessions.values()]]
        known += [kept.file for kept in left()]
        for other in (self.folder / file.name, *known):
            same = other.name == file.name and other.is_file()
            if same and filecmp.cmp(file, other, shallow=False):
                shutil.rmtree(file.parent)
                return self.open(other)
        return self.open(file)

    def unsaved(self) -> list[dict]:
        """List the recordings of which something was said, here or before, unsaved.

        Returns
        -------
        list of dict
            ``id`` and ``name``.
        """
        here = {s.id: s.name for s in [*self.sessions.values()] if not s.is_saved}
        before = {kept.id: kept.file.name for kept in left()}
        return [{"id": id, "name": name} for id, name in (here | before).items()]

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
