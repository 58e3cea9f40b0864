"""All that is open in a studio, and the folder in which its works are saved."""

import contextlib
import itertools
import tempfile
import threading
import time
from pathlib import Path

from musaic_core.data.audio import audio_files
from musaic_core.data.errors import InputError
from musaic_core.studio.models import questions
from musaic_core.studio.session import Session
from musaic_core.studio.work import read_work


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
        self._temporary = tempfile.TemporaryDirectory(prefix="musaic-studio-")
        self._numbers = itertools.count()

    def close(self) -> None:
        """Stop what runs, and remove what is temporary."""
        for session in self.sessions.values():
            session.stop()
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

    def open(self, file: Path, name: str | None = None, home: Path | None = None):
        """Open a recording; one that is open is the same for all pages.

        Parameters
        ----------
        file : Path
        name : str, optional
            By default the file's.
        home : Path, optional
            The folder that its work is saved in, by default the studio's.

        Returns
        -------
        Session
        """
        for session in self.sessions.values():
            if session.file == file:
                return session
        told = file, name or file.name, home or self.folder, self.questions
        session = Session(*told, self.temporary())
        self.sessions[session.id] = session
        return session

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
