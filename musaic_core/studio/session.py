"""One recording in the studio: what is said of it, what models answer, who is at it."""

import secrets
import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from musaic_core.data.errors import InputError, reason_of
from musaic_core.data.hints import hint_from_json, write_hints
from musaic_core.studio.analysis import Analysis, StoppedError, analyse
from musaic_core.studio.models import Offer, Question
from musaic_core.studio.sound import Sound
from musaic_core.studio.work import History, Work, gain_of, read_work, write_whole
from musaic_core.studio.work import write_work as written

KEPT = 3  # analyses of a recording
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
    ) -> None:
        self.id = secrets.token_urlsafe(12)
        self.file, self.name, self.home = file, name, home
        self.questions = questions
        self.sound = Sound(file, temporary, name)
        self.recording = self.sound.recording(self.id)
        self.temporary = temporary
        saved, recording = None, None
        if self.work_file.exists() and file.parent == home:
            saved, recording = read_work(self.work_file)
        self._saved = saved if recording == name else None
        work = self._saved or Work()
        self.history = History(work)
        self.version = 0
        self.running: dict | None = None
        self.error: str | None = None
        self.analysis: Analysis | None = None
        self.before: Analysis | None = None
        self.picture = None  # of its spectrogram, once somebody has looked
        self._asked: tuple[str, str] | None = None  # what `analysis` answers, and who
        self._made_of: Analysis | None = None
        self._analyses: dict[tuple, Analysis] = {}
        self._lock = threading.RLock()
        self._stop = threading.Event()
        if work.question:
            self._answer()

    @property
    def stem(self) -> str:
        """What its files are named after."""
        return Path(self.name).stem

    @property
    def work_file(self) -> Path:
        """Where its work is saved."""
        return self.home / f"{self.stem}.studio.json"

    @property
    def work(self) -> Work:
        """What has been said and chosen."""
        return self.history.now

    @property
    def offer(self) -> Offer | None:
        """The model that answers, if one does."""
        question = self.questions.get(self.work.question)
        return question and question.models.get(self.work.model)

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
            ``hints``, a list, or one ``hint``, and ``unhint``, indices of those that
            are to go, also both at once; ``merge``, two or more, with a ``name`` if
            that is wanted, or ``unmerge``; or ``component`` with ``name`` or ``gain``.

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
            for hint in {*now.hints} - {*self.work.hints}:
                self._check(hint)
            self._go(lambda: self.history.change(now))

    def _check(self, hint):
        """See that a hint is about the recording, and of what may be asked."""
        questions = self.questions.values()
        if not any(hint.label in question.task.labels for question in questions):
            raise InputError(f"label is {hint.label!r:.80}; nothing here is called so")
        end = self.sound.duration
        if hint.start >= end or (hint.sounds and hint.end > end + 1):
            raise InputError(f"the recording ends at {end:.2f} s, before the hint does")

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
        now = self.work
        if (was.question, was.model, was.hints) != (now.question, now.model, now.hints):
            self._answer()

    def stop(self) -> None:
        """Stop the model that runs, if one does."""
        with self._lock:
            self._stop.set()
            if self.running:
                self.running, self.error = None, "stopped; ask again to go on"
                self.version += 1

    def save(self) -> Path:
        """Write the recording, if it is not there, and the work beside it.

        Returns
        -------
        Path
            Of the work.

        Raises
        ------
        InputError
            It can't be written.
        """
        with self._lock:
            copy, work = self.home / self.name, self.work
            if self.work_file.exists() and read_work(self.work_file)[1] != self.name:
                raise InputError(
                    f"{self.work_file} is the work of another recording; rename that, "
                    "or this one"
                )
            if self.file.resolve() != copy.resolve():
                if copy.exists():
                    raise InputError(
                        f"{copy} is another recording of that name; rename it, or this"
                    )
                write_whole(copy, lambda new: shutil.copyfile(self.file, new))
                self.file = copy
            hints = self.home / f"{self.stem}.hints.json"
            write_whole(hints, lambda new: write_hints(new, work.hints))
            write_whole(self.work_file, lambda new: written(new, work, self.name))
            self._saved = work
            self.version += 1
            return self.work_file

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
            }

    def shown(self) -> tuple[int, Analysis | None, Analysis | None, str]:
        """What is shown: version, last analysis, the one before, and the question.

        Returns
        -------
        tuple
        """
        with self._lock:
            question = self._asked[0] if self._asked else ""
            return self.version, self.analysis, self.before, question

    def made(self, analysis: Analysis) -> Path:
        """A temporary folder for what is made of an analysis.

        Parameters
        ----------
        analysis : Analysis
            The last one: what was made of others goes.

        Returns
        -------
        Path
        """
        with self._lock:
            if self._made_of is not analysis:
                shutil.rmtree(self.temporary / "made", ignore_errors=True)
                self._made_of = analysis
            folder = self.temporary / "made"
            folder.mkdir(exist_ok=True)
            return folder

    # ---- models at work

    def _answer(self):
        """Have the model answer what is asked now; call with the lock held."""
        self._stop.set()
        self._stop = threading.Event()
        self.error = None
        self.version += 1
        self.running = {"part": 0, "of": 0, "began": time.monotonic()}
        told = self.work, self.offer, self._stop
        threading.Thread(target=self._run, args=told, daemon=True).start()

    def _run(self, work, offer, stop):
        def progress(part, of):
            with self._lock:
                if self.running and not stop.is_set():
                    self.running |= {"part": part, "of": of}

        try:
            with _computing:
                made, error = self._analysed(work, offer, progress, stop), None
        except StoppedError:
            return
        except Exception as raised:
            made, error = None, reason_of(raised, self.name).replace(self.id, self.name)
        with self._lock:
            if stop.is_set():
                return
            self.running, self.error = None, error
            if made is not None:
                was = self.analysis
                same = was is not None and self._asked == (work.question, work.model)
                self.before, self.analysis = was if same else None, made
                self._asked = work.question, work.model
            self.version += 1

    def _analysed(self, work, offer, progress, stop):
        """What a model makes of the recording with what was said; perhaps known."""
        if offer is None:
            raise InputError(f"{work.model} is not here any more; choose another model")
        key = work.question, work.model
        started = self._analyses.get((*key, ()))
        if started is None:
            told = {"progress": progress, "stop": stop}
            started = self._keep((*key, ()), analyse(offer, self.recording, **told))
        if not work.hints or (*key, work.hints) in self._analyses:
            return self._analyses[(*key, work.hints)]
        last = self.analysis if self._asked == key else started
        made = analyse(offer, self.recording, work.hints, started, last, progress, stop)
        return self._keep((*key, work.hints), made)

    def _keep(self, key, analysis):
        """Keep the last few; of each model, the one before anything was said."""
        said = [other for other in self._analyses if other[2]]
        for other in said[: max(0, len(said) - KEPT + 1)]:
            del self._analyses[other]
        self._analyses[key] = analysis
        return analysis


def changed(work: Work, change: Any) -> Work:
    """Work after a change.

    Parameters
    ----------
    work : Work
    change : object
        See `Session.change`.

    Returns
    -------
    Work

    Raises
    ------
    InputError
        It is none.
    """
    match change:
        case {"component": int(index), "name": str(name)} if index >= 0:
            return work.with_mix(work.mix.named(index, name[:80]))
        case {"component": int(index), "gain": gain} if index >= 0:
            return work.with_mix(work.mix.at_gain(index, gain_of(gain)))
        case {"merge": [int(first), *others]} if others and _are_indices(
            first, *others
        ):
            mix, name = work.mix, change.get("name")
            for other in others:
                mix = mix.merge(first, other)
            return work.with_mix(mix.named(first, str(name)[:80]) if name else mix)
        case {"unmerge": int(index)} if index >= 0:
            return work.with_mix(work.mix.split(index))
        case {"hint": _} | {"hints": _} | {"unhint": _}:
            gone = change.get("unhint", [])
            said = change.get("hints", change.get("hint", []))
            gone = gone if isinstance(gone, list) else [gone]
            said = said if isinstance(said, list) else [said]
            if not (_are_indices(*gone) and all(i < len(work.hints) for i in gone)):
                raise InputError(
                    f"unhint is {gone}; give indices of its {len(work.hints)} hints"
                )
            kept = [hint for i, hint in enumerate(work.hints) if i not in gone]
            return replace(work, hints=(*kept, *map(hint_from_json, said)))
    raise InputError("no change that is known; give hint, unhint, component or merge")


def _are_indices(*values):
    return all(type(value) is int and value >= 0 for value in values)
