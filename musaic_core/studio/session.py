"""One recording in the studio: what is said of it, what models answer, who is at it."""

import secrets
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from musaic_core.data.errors import InputError, reason_of
from musaic_core.studio.analysis import LONGEST, Analysis, StoppedError
from musaic_core.studio.asked import Asked
from musaic_core.studio.changes import changed, check
from musaic_core.studio.models import Offer, Question
from musaic_core.studio.saved import read_work, save_work, work_file
from musaic_core.studio.shown import Shown
from musaic_core.studio.sound import Sound
from musaic_core.studio.work import History, Work

_computing = threading.Lock()  # two models at once would be as slow as both


class StaleError(Exception):
    """A change was made to what has changed since: by another page, say."""


class Session:
    """A recording that is looked at, by one page or more.

    Parameters
    ----------
    file : Path
        The recording.
    name : str
        What it is called; the names of its files begin with the stem of that.
    home : Path
        The folder that it is saved in.
    questions : mapping of str to Question
    temporary : Path
        A folder of its own.
    id : str, optional
        That pages know it by.
    work : Work, optional
        That was not saved when another studio ended.

    Raises
    ------
    InputError
        The recording, or the work that was saved of it, can't be read.
    """

    def __init__(
        self,
        file: Path,
        name: str,
        home: Path,
        questions: Mapping[str, Question],
        temporary: Path,
        id: str | None = None,
        work: Work | None = None,
    ) -> None:
        self.id = id or secrets.token_urlsafe(12)
        self.file, self.name, self.home = file, name, home
        self.questions = questions
        self.sound = Sound(file, temporary, name)
        self.recording = self.sound.recording(self.id)
        self.temporary = temporary
        saved, recording = None, None
        if work_file(file).exists() and file.parent == home:
            saved, recording = read_work(work_file(file))
        self._saved = saved if recording == name else None
        self.history = History(work or self._saved or Work())
        self.version = 0
        self.running: dict | None = None
        self.error: str | None = None
        self.analysis: Analysis | None = None
        self.before: Analysis | None = None
        self.guess: Analysis | None = None  # the quick one, before it was made sure of
        self.picture = None  # of its spectrogram, once somebody has looked
        self._shown: Work | None = None  # that `analysis` is of
        # folders of what is made of analyses, without keeping these
        self._made = weakref.WeakKeyDictionary()
        self.listeners = 0  # pages that are told of it
        self.ended = False  # with the studio
        self._asked = Asked(self.recording)
        self._lock, self._saving = threading.RLock(), threading.Lock()
        self._ended = threading.Condition(self._lock)
        self._stop = threading.Event()
        self.wake()

    @property
    def stem(self) -> str:
        """What its files are named after."""
        return Path(self.name).stem

    @property
    def work(self) -> Work:
        """What has been said and chosen."""
        return self.history.now

    @property
    def offer(self) -> Offer | None:
        """The model that answers, if one does."""
        question = self.questions.get(self.work.question)
        return question and question.models.get(self.work.model)

    # ---- while nobody looks

    @property
    def is_saved(self) -> bool:
        """Whether nothing is lost if it goes."""
        said = self.work.hints or self.work.mixes or self.history.can_redo
        return self.work == self._saved or not said

    def rest(self) -> None:
        """Forget what models have answered, which they can again."""
        with self._lock:
            self.stop()
            self._asked = Asked(self.recording)
            self.analysis = self.before = self.guess = self.picture = None
            self._shown = self.error = None

    def wake(self) -> None:
        """Have the model answer again, if it was asked and there is no answer."""
        with self._lock:
            if self.work.question and not (self.analysis or self.running or self.error):
                self._answer(sure=self.sound.duration <= LONGEST)

    # ---- what pages may do; `version` is that which they have seen

    def ask(self, question: str, model: str) -> None:
        """Ask a model.

        Parameters
        ----------
        question, model : str
            Names.

        Raises
        ------
        InputError
            There is no such thing.
        """
        if question not in self.questions:
            raise InputError(
                f"question is {question!r}; choose {', '.join(self.questions)}"
            )
        models = self.questions[question].models
        if model not in models:
            raise InputError(f"model is {model!r}; choose {', '.join(models)}")
        with self._lock:
            work = replace(self.work, question=question, model=model)
            if self.work.question:
                self.history.change(work)
            else:  # there is nothing before it to go back to
                self.history = History(work)
            self._answer()

    def change(self, version: int, change: Any) -> None:
        """Change what is said.

        Parameters
        ----------
        version : int
            Of the state that it is a change of.
        change : object
            As `changed` takes it.

        Raises
        ------
        StaleError
            The state has another version now.
        InputError
            It is no change.
        """
        with self._lock:
            if version != self.version:
                raise StaleError
            now = changed(self.work, change)
            self._check(now)
            self._go(lambda: self.history.change(now))

    def _check(self, now):
        """See that what is new in a work is about the recording and its model."""
        shown = self._shown is not None and self._shown.asked == now.asked
        known = self.analysis.n_components if shown else 0
        asked = self.questions.values()
        check(now, self.work, asked, self.sound.duration, known)

    def undo(self) -> None:
        """Go back to the state before."""
        with self._lock:
            self._go(self.history.undo)

    def redo(self) -> None:
        """Go forth to the state that was undone last."""
        with self._lock:
            self._go(self.history.redo)

    def _go(self, move):
        was = self.work
        move()
        self.version += 1
        if (was.asked, was.hints) != (self.work.asked, self.work.hints):
            self._answer()

    def stop(self) -> None:
        """Stop the model that runs, if one does."""
        with self._ended:
            self._stop.set()
            if self.running:
                self.running, self.error = None, "stopped; ask again to go on"
                self.version += 1
                self._ended.notify_all()

    def make_sure(self) -> None:
        """See that what is shown is what a benchmark gives of what was said.

        After a correction a factorization has gone on from where it was; now it begins
        anew, with all that was said. Whatever leaves the studio is of such an answer.

        Raises
        ------
        InputError
            There is no answer.
        """
        with self._ended:
            waited = self._wait()
            if self._is_sure or not self.work.question:
                return
            if waited and self.error:  # whoever has stopped it wants no other
                raise InputError(self.error)
            self._answer(sure=True)
            self._wait()
            if not self._is_sure:
                raise InputError(self.error or "it was changed meanwhile; try again")

    def _wait(self):
        """Wait until no model runs; call with the lock held. Says whether one did."""
        ran = self.running is not None
        while self.running:
            self._ended.wait()
        return ran

    @property
    def _is_sure(self):
        """Whether the model's answer to all that was said is shown."""
        return (
            self.analysis is not None
            and not self.analysis.quick
            and self._is_shown(self.work)
        )

    def save(self) -> str:
        """Write the recording, if it is not there, and the work beside it.

        Returns
        -------
        str
            What to tell of it.

        Raises
        ------
        InputError
            It can't be written.
        """
        with self._saving:  # pages are answered while a long recording is copied
            work, recording = self.work, self.home / self.name
            aside = save_work(work, self.file, recording)
            self.file = recording
        with self._lock:
            self._saved = work
            self.version += 1
        told = f"Saved in {self.home}."
        if aside:
            was = recording.with_name(f"{self.stem}.hints.json").name
            told += f" {was} was another's: it is {aside.name} now."
        return told

    # ---- what pages see

    def state(self) -> dict:
        """What has been said and chosen, and what is going on.

        Returns
        -------
        dict
            That JSON can hold.
        """
        with self._lock:
            running = self.running and {
                "part": self.running["part"],
                "of": self.running["of"],
                "sure": self.running["sure"],
                "seconds": round(time.monotonic() - self.running["began"], 1),
            }
            return {
                **self.work.to_json(),
                "can_undo": self.history.can_undo,
                "can_redo": self.history.can_redo,
                "running": running,
                "error": self.error,
                "version": self.version,
                "saved": self.work == self._saved,
                "answered": self.analysis is not None,
                "quick": self.analysis is not None and self.analysis.quick,
            }

    def shown(self) -> Shown:
        """What is shown of what models have answered.

        Returns
        -------
        Shown
        """
        with self._lock:
            asked = self._shown.asked if self._shown else ("", "")
            told = self.analysis, self.before, self.guess
            return Shown(self.version, *asked, *told)

    def made(self, analysis: Analysis) -> Path:
        """A temporary folder for what is made of an analysis, which goes with it.

        Parameters
        ----------
        analysis : Analysis

        Returns
        -------
        Path
        """
        with self._lock:
            folder = self._made.get(analysis)
            if folder is None:
                folder = Path(tempfile.mkdtemp("-made", dir=self.temporary))
                self._made[analysis] = folder
                weakref.finalize(analysis, shutil.rmtree, folder, ignore_errors=True)
            return folder

    def _is_shown(self, work):
        """Whether the answer to a work, or to one with another mix, is shown."""
        was = self._shown
        return was is not None and (was.asked, was.hints) == (work.asked, work.hints)

    # ---- models at work

    def _answer(self, sure=False):
        """Have the model answer what is asked now; call with the lock held."""
        if self.ended:
            raise InputError("the studio has been ended; start it again")
        self._stop.set()
        self._stop = threading.Event()
        self.error = None
        self.version += 1
        self.running = {"part": 0, "of": 0, "began": time.monotonic(), "sure": sure}
        told = self.work, self.offer, sure, self._stop
        threading.Thread(target=self._run, args=told, daemon=True).start()

    def _run(self, work, offer, sure, stop):
        def progress(part, of):
            with self._lock:
                if self.running and not stop.is_set():
                    self.running |= {"part": part, "of": of}

        try:
            with _computing:
                told = work, offer, sure, progress, stop
                made, error = self._asked.answer(*told), None
        except StoppedError:
            return
        except Exception as raised:
            made, error = None, reason_of(raised, self.name).replace(self.id, self.name)
        with self._ended:
            if stop.is_set():
                return
            self.running, self.error = None, error
            if made is not None:
                self._show(work, made)
            self.version += 1
            self._ended.notify_all()

    def _show(self, work, made):
        """Show an analysis, beside what was shown before something else was said."""
        was = self._shown
        if was is None or was.asked != work.asked:
            self.before = None
        elif was.hints != work.hints:
            self.before = self.analysis
        same = self._is_shown(work) and self.analysis.quick and not made.quick
        self.guess = self.analysis if same else None
        self.analysis, self._shown = made, work
