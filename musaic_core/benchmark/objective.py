"""Base class of the objectives: what benchopt needs that a task need not repeat."""

import json
import os
import re
from functools import partial
from pathlib import Path

import benchopt
import joblib
import numpy as np
from benchopt.benchmark import get_running_benchmark

from musaic_core.benchmark.digest import digest_of, file_of, files_imported
from musaic_core.benchmark.folders import LONGEST, marked, unique_names
from musaic_core.data.errors import printable, reason_of, report_once
from musaic_core.data.paths import join_paths
from musaic_core.tasks.base import Task
from musaic_core.tasks.guidance import learned_with, replayed

ROOT = Path(__file__).resolve().parent.parent.parent


class Objective(benchopt.BaseObjective):
    """A task: what a solver is given, and how its estimates are scored.

    A subclass names its ``task_class``, makes a task of what a dataset gives in
    ``make_task(train, test, **data)``, and defines ``score(track, answer)``, the
    columns of one recording, and ``save(track, estimate, folder)``.

    Attributes
    ----------
    task_class : subclass of Task
    title : str
        What pages call it.
    score_columns : tuple of str
        The columns that reports offer, without the prefix ``objective_``.
    lower_is_better : bool
        Whether ``value`` is a loss.
    needs : tuple of str
        What a corpus must know of its recordings for the task to make sense.
    learns_from : str
        The part of the embedded corpus that models of it learn from, where a corpus
        brings nothing to learn from.
    tracks_at_once : int
        Tracks that are scored at once; more where NumPy does the work.
    """

    min_benchopt_version = "1.10"
    sampling_strategy = "run_once"
    task_class = Task
    title = ""
    score_columns = ("value",)
    lower_is_better = False
    needs: tuple[str, ...] = ()
    learns_from = "songs"
    tracks_at_once = 1
    replays = False  # hints in files

    def skip(self, missing=None, **data):
        """Skip a corpus that is not there: ``get_data`` returned ``missing=reason``."""
        if missing is not None:
            report_once(missing)  # benchopt shows a reason with the first solver alone
        return missing is not None, None

    def set_data(self, train=(), test=(), leave_one_out=False, hints=None, **data):
        """Take what a dataset gives.

        Parameters
        ----------
        train : list of Track
        test : list of Track
        leave_one_out : bool
            Whether `train` and `test` are the same tracks, and each is analysed by
            models that learn from the others.
        hints : dict of str to Path, optional
            Files of what users have said, by the test tracks' ids.
        **data
            What else the dataset gives.
        """
        tracks = [self.scored_part(track) for track in test]
        self.references = {track.id: track for track in tracks}
        self.folders = unique_names(self.references)
        if hints:
            self.replays, data["hints"] = True, replayed(hints, test, tracks)
        self.task = self._kept_task(train, tracks, leave_one_out, **data)

    def scored_part(self, track):
        """The part of a test track that is analysed and scored: all of it.

        Parameters
        ----------
        track : Track

        Returns
        -------
        Track
        """
        return track

    @classmethod
    def asks_for(cls, parameters):
        """Say whether a run of all solvers has one with these parameters.

        Parameters
        ----------
        parameters : dict
            Of a solver, one value each.

        Returns
        -------
        bool
        """
        return True

    @staticmethod
    def annotated(track, name):
        """Read an annotation; None where it can't be read, which the score then tells.

        Parameters
        ----------
        track : Track
        name : str
            Of the attribute, such as notes.

        Returns
        -------
        object or None
        """
        try:
            return getattr(track, name)
        except Exception:
            return None

    def make_task(self, train, test, hints=None, **data):
        """Make the task of what a dataset gives.

        Parameters
        ----------
        train : list of Track
        test : list of Track
        hints : dict, optional
            What users have said, as `Task` takes it.
        **data
            What else the dataset gives.

        Returns
        -------
        Task
        """
        return self.task_class(train, test, seed=self.seed, hints=hints)

    def save(self, track, estimate, folder):
        """Keep what is made of a track in a folder: nothing.

        Parameters
        ----------
        track : Track
        estimate : Estimate
        folder : Path
        """

    def interpret(self, track, estimate):
        """Say how far a model's components stand for parts of the music: nothing.

        Parameters
        ----------
        track : Track
        estimate : Estimate

        Returns
        -------
        dict
            Further columns, none for a model without components.
        """
        return {}

    @property
    def seed(self):
        """Of the task's random choices; another one in each repetition."""
        return self.get_seed(use_repetition=True)

    # benchopt sets the data anew for every solver; what a task has learned and read of
    # it need not be read again. The last two are kept: a run goes corpus by corpus.
    _tasks: dict = {}

    def _kept_task(self, train, test, leave_one_out, **data):
        options = {
            name: [t.identity for t in value] if _are_tracks(value) else value
            for name, value in data.items()
        }
        key = joblib.hash(
            (
                type(self).__name__,
                type(self).__module__,
                learned_with(self._parameters),
                self.seed,
                [[track.identity for track in tracks] for tracks in (train, test)],
                options,
                leave_one_out,
            )
        )
        if key not in self._tasks:
            while len(self._tasks) > 1:
                self._tasks.pop(next(iter(self._tasks)))
            task = self.make_task(train, test, **data)
            if leave_one_out:
                task.folds = [
                    partial(self.make_task, train[:i] + train[i + 1 :], [track], **data)
                    for i, track in enumerate(test)
                ]
            self._tasks[key] = task
        return self._tasks[key]

    def get_objective(self):
        return {"task": self.task}

    def evaluate_result(self, estimates, **costs):
        """One row a test recording, in the order of the corpus."""
        rows = joblib.Parallel(self.tracks_at_once, "threading")(
            joblib.delayed(self._row)(track, estimates[track.id], **costs)
            for track in self.references.values()
        )
        self._note_folder()
        return rows

    def _row(
        self,
        track,
        estimate,
        kind="",
        peak_memory_mb=np.nan,
        time_fit=np.nan,
        losses="",
        **_,
    ):
        row = {
            "track": track.id,
            "value": np.nan,
            "kind": kind,
            "n_parameters": estimate.n_parameters,
            "peak_memory_mb": peak_memory_mb,
            "time_fit": time_fit,
            "time_predict": estimate.time_predict,
            "duration": np.nan,
            "losses": losses,
            "error": estimate.error,
            "files": "",
            "audio": join_paths(map(_shortened, getattr(track, "audio_files", ()))),
        }
        if estimate.error:
            return row
        # what can't be kept is scored, and what can't be scored is kept
        for part in (self._saved, self._scored, self.interpret):
            try:
                row |= part(track, estimate)
            except Exception as error:
                reason = reason_of(error, track.id)
                report_once(reason)
                if reason not in row["error"]:
                    row["error"] = "; ".join(filter(None, [row["error"], reason]))
        return row

    def _saved(self, track, estimate):
        folder = self._folder(track)
        if folder is None:
            return {}
        self.save(track, estimate, folder)
        return {"files": self._relative(folder)}

    def _scored(self, track, estimate):
        duration = getattr(track, "duration", np.nan)
        used = {"n_hints": len(estimate.hints)} if self.replays else {}
        if ends_early := getattr(track, "ends_early", ""):
            report_once(f"{track.name}: stems end early: {ends_early}; silence follows")
            used["ends_early"] = ends_early
        return {"duration": duration, **used, **self.score(track, estimate.answer)}

    def get_run_output_path(self):
        """Folder of a run: benchopt's, also where names of corpora are paths.

        Such names may be too long for a folder, or the same without their slashes.
        """
        context = self._run_context
        path = context.run_output_base
        for name in (context.dataset_name, context.objective_name, context.solver_name):
            part = re.sub(r'[/\\:*?"<>|]+', "_", name)
            is_plain = part == name and len(part.encode()) <= LONGEST
            path /= part if is_plain else marked(part, name)
        path /= f"rep_{context.repetition}"
        path.mkdir(parents=True, exist_ok=True)
        return path

    def _folder(self, track):
        """Where the run keeps what it estimates; None in ``benchopt test``."""
        if self._run_context is None or self._run_context.run_output_base is None:
            return None
        folder = self.get_run_output_path() / self.folders[track.id]
        folder.mkdir(exist_ok=True)
        return folder

    def _relative(self, folder):
        return folder.relative_to(self._run_context.run_output_base.parent).as_posix()

    @staticmethod
    def media(folder: Path) -> dict:
        """What a published page shows of an answer that `save` left in a folder.

        Parameters
        ----------
        folder : Path

        Returns
        -------
        dict
            Any of: ``notes``, a dict of arrays (n, 3) of onset (s), offset (s) and MIDI
            number by ``found``, ``missed``, ``wrong`` or ``estimated``; ``sections``,
            rows of start (s), end (s) and label; both also as ``reference_notes``, one
            array, and ``reference_sections``; ``stems``, a dict of audio files by name;
            ``factors``, the file of `musaic_core.results.saved.save_factors`; ``text``,
            a line.
        """
        return {}

    # benchopt hashes an objective by its file, its parameters and this state, so that
    # a cached result ends with the code or the recordings that it came from.
    # The state travels to the workers, which have not loaded the data yet.
    _corpus = None
    _n_lost = 0

    def _get_state(self):
        if hasattr(self, "task"):
            tracks = self.task.recordings, self.references.values()
            # what a track is told by are its files, and not the code that reads them
            dataset = file_of(self._dataset._module_filename)
            self._corpus = [
                [[track.identity for track in each] for each in tracks],
                digest_of(files_imported(dataset)),
                joblib.hash(self.task.hints),
            ]
        file = Path(self._module_filename).resolve()
        note = self._folder_note()
        if note is not None and note.exists():
            folder, n_lost = json.loads(note.read_text(encoding="utf-8"))
            self._n_lost = n_lost + (not Path(folder).is_dir())
        code = digest_of(files_imported(file))
        return {"code": code, "corpus": self._corpus, "n_lost": self._n_lost}

    def __setstate__(self, state):
        self._corpus, self._n_lost = state["corpus"], state["n_lost"]

    # The folder that a run's files lie in is noted beside the cache. Where it has been
    # removed, the cached result is of no use, and its run is repeated.
    def _folder_note(self):
        context, benchmark = self._run_context, get_running_benchmark()
        if None in (context, benchmark) or context.run_output_base is None:
            return None
        cache = benchmark.get_cache_location()
        names = context.dataset_name, context.objective_name, context.solver_name
        run = joblib.hash((*names, context.repetition, context.base_seed, self._corpus))
        return cache and Path(cache) / "folders" / f"{run}.json"

    def _note_folder(self):
        note = self._folder_note()
        if note is not None and (folder := self.get_run_output_path()).is_dir():
            note.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps([str(folder), self._n_lost])
            note.write_text(text, encoding="utf-8")


def needs_of_task() -> set[str]:
    """Say what the task of the benchmark that runs needs to know of recordings.

    Returns
    -------
    set of str
        Names of a track's attributes; empty where no benchmark runs.
    """
    benchmark = get_running_benchmark()
    return set(benchmark.get_benchmark_objective().needs) if benchmark else set()


def _are_tracks(value):
    return isinstance(value, (list, tuple)) and all(
        hasattr(t, "identity") for t in value
    )


def _shortened(file):
    """A file's path from the repository's root, where it lies in there."""
    file = Path(os.path.realpath(file))  # of a link to itself too
    file = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file
    return printable(file.as_posix())
