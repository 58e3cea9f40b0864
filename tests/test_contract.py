"""What models may know: what can be heard, and nothing that they are scored by."""

import gc
import importlib.metadata
import pickle
import types
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from solving import module_in

from musaic_core.benchmark.objective import Objective
from musaic_core.benchmark.solver import LowRankSolver, Solver
from musaic_core.data.notes import Notes, write_midi
from musaic_core.data.recording import Recording, Track
from musaic_core.tasks.base import Task, matching_axes
from musaic_core.tasks.dictionary import Dictionary
from musaic_core.tasks.given import Given, Hint
from musaic_core.tasks.transcription.task import Transcription


@pytest.fixture
def track(tmp_path):
    """A second of noise with a note that only its corpus knows of."""
    y = np.random.default_rng(0).normal(0, 0.1, 22050)
    soundfile.write(tmp_path / "song.wav", y, 22050)
    write_midi(Notes.from_rows([(0.1, 0.5, 60, 80, "")]), tmp_path / "song.mid")
    files = {"mixture": tmp_path / "song.wav"}
    return Track("song", files, notes_from=tmp_path / "song.mid")


def reachable(start):
    """All objects that an object holds, directly or not, its classes' code aside."""
    found, waiting = {}, [start]
    code = (types.ModuleType, type, types.FunctionType, types.BuiltinFunctionType)
    while waiting:
        thing = waiting.pop()
        if id(thing) not in found and not isinstance(thing, code):
            found[id(thing)] = thing
            waiting += gc.get_referents(thing)
            waiting += [
                getattr(thing, n)
                for n in getattr(thing, "__slots__", ())
                if hasattr(thing, n)
            ]
    return found.values()


def test_a_recording_can_be_heard(track):
    recording = Recording(track)
    y, sr = recording.audio()
    np.testing.assert_array_equal(y, track.audio()[0])
    assert (sr, recording.id, recording.duration) == (22050, "song", 1.0)


def test_nothing_that_a_model_gets_of_a_test_leads_to_its_annotations(track):
    task = Transcription([], [track])
    given = Given(task, task.axes[0], task.test[0])
    _ = given.V, given.spectrum, given.rate, given.frequencies
    for start in (task, given, task.test[0]):
        found = list(reachable(start))
        assert len(found) > 1
        assert not [t for t in found if isinstance(t, (Track, Notes, Path))]
        assert not [t for t in found if isinstance(t, str) and "song." in t]


CHEATS = {
    "an attribute": lambda r: r.notes,
    "a private attribute": lambda r: r._track.notes,
    "its dict": lambda r: vars(r)["notes"],
    "a file beside the audio": lambda r: Path(r.files[0]).with_suffix(".mid"),
    "the audio's file": lambda r: r.stem_files,
    "its audio's owner": lambda r: r.audio.__self__.notes,
}


@pytest.mark.parametrize("cheat", CHEATS.values(), ids=CHEATS)
def test_a_solver_that_tries_to_read_the_answers_fails(track, cheat):
    with pytest.raises((AttributeError, TypeError)):
        cheat(Recording(track))


class Scored(Objective):
    """Scores nothing."""

    name = "scored"
    task_class = Task
    _parameters: dict = {}

    def score(self, track, answer):
        """Give no score."""
        return {}


def solver_of(track, **attributes):
    """A solver that was given an objective's task, as benchopt gives it."""
    Task.answers = "notes"
    objective = Scored.__new__(Scored)
    objective.references = {track.id: track}
    objective.task = Task([track] if "fit" in attributes else [], [track])
    attributes = {"name": "tried", "answers": "notes", **attributes}
    solver = type("Tried", (Solver,), attributes)()
    solver._parameters = {}
    solver.get_seed = lambda **_: 0
    assert solver._set_objective(objective) == (False, None)
    return solver


def test_a_solver_does_not_hold_the_objective_that_scores_it(track):
    solver = solver_of(track)
    assert not [t for t in reachable(vars(solver)) if isinstance(t, (Track, Objective))]


def test_a_solver_does_not_hold_it_while_it_prepares_either(track):
    found = []

    def prepare(solver):
        found.extend(
            t for t in reachable(vars(solver)) if isinstance(t, (Track, Objective))
        )
        found.append("prepared")

    solver_of(track, prepare=prepare)
    assert found == ["prepared"]


def test_a_state_is_of_all_that_the_model_was_told(track):
    """Options of the task, labels, powers and packages: each has a state of its own."""
    solver = solver_of(track, _module_filename=__file__)
    states = [solver.state_depends_on()]
    for change in (
        lambda: solver._asked.update(bars="annotated"),
        lambda: setattr(solver.task, "labels", ["bass"]),
        lambda: setattr(solver, "exponent", 2),
        lambda: setattr(solver, "requirements", ["pip::numpy"]),
    ):
        solver._asked = dict(solver._asked)
        change()
        states.append(solver.state_depends_on())
    assert all(a != b for i, a in enumerate(states) for b in states[:i])


def test_what_one_pytorch_has_learned_is_of_use_to_others(track, monkeypatch):
    needs = {"requirements": ["pip::torch"], "_module_filename": __file__}
    solver = solver_of(track, **needs)
    states = []
    for version in ("2.13.0+cpu", "2.13.0", "2.6.0"):
        monkeypatch.setattr(importlib.metadata, "version", lambda _, v=version: v)
        states.append(solver.state_depends_on())
    assert states[0] == states[1] == states[2]


READER = "def read(file, scale):\n    return scale * [1.0]\n"


def test_a_state_is_of_the_code_that_reads_what_it_was_learned_from(track, tmp_path):
    """Also where a function in the place of a file is edited and keeps its name."""
    solver, states = solver_of(track, _module_filename=__file__), []
    file = tmp_path / "corpus.py"
    for text in (READER, READER.replace("1.0", "0.0"), "# why\n" + READER):
        file.write_text(text, encoding="utf-8")
        heard = track.stem_files["mixture"]
        source = partial(partial(module_in(file).read, heard), scale=2)
        solver.task.train = [Track("heard", {"mixture": source})]
        states.append(solver.state_depends_on())
    assert states[0] != states[1]
    assert states[0] == states[2]  # a comment teaches nothing


def test_an_oracle_says_so_and_is_given_the_annotations(track):
    heard = []
    solver = solver_of(
        track, kind="oracle", predict=lambda s, r, given: heard.append(r)
    )
    solver.run(None)
    assert heard == [track]
    assert solver.get_result()["kind"] == "oracle"


def test_every_solver_but_an_oracle_is_given_a_recording(track):
    heard = []
    solver = solver_of(track, predict=lambda s, r, given: heard.append(r))
    solver.run(None)
    assert [type(r) for r in heard] == [Recording]


def test_fit_and_predict_are_on_clocks_of_their_own(track, monkeypatch):
    import time

    from musaic_core.benchmark import solver as module
    from musaic_core.benchmark import store

    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def spend(seconds, result):
        now[0] += seconds
        return result

    def fit(self, train, given):
        return spend(5, {"w": np.ones(3)})

    def predict(self, recording, state, given):
        return spend(2, state["w"])

    monkeypatch.setattr(store, "fitted", lambda key, fit, _: (fit(Path()), 7.0))
    monkeypatch.setattr(Solver, "state_depends_on", lambda self: {})
    monkeypatch.setattr(module, "_cache_folder", Path)
    solver = solver_of(track, fit=fit, predict=predict)
    solver.run(None)
    assert solver.time_fit == 7.0  # as long as training took, whenever that was
    assert solver.estimates["song"].time_predict == 2
    assert solver.estimates["song"].n_parameters == 3


def test_a_cache_keeps_no_answers_and_neither_does_the_solver(track):
    answer = open(__file__, encoding="utf-8")  # noqa: SIM115 (it can't be pickled)
    with answer:
        solver = solver_of(track, predict=lambda self, recording, given: answer)
        solver.run(None)
        result = solver.get_result()
        assert result["estimates"]["song"].answer is answer
        assert pickle.loads(pickle.dumps(result)) == result | {"estimates": {}}
    assert not [thing for thing in reachable(solver) if thing is answer]


def test_the_patches_of_a_dictionary_are_learned_off_the_clock(track):
    learned = []

    def learn(length):
        learned.append(length)
        return np.ones((2, 1, length)), np.array([60])

    class Heard(Task):
        answers = "notes"
        axes = (("frequency", "time"),)
        learns_dictionary = True

        def dictionary_of(self, exponent):
            return Dictionary(np.ones((2, 1)), np.array([60]), learn)

    for dictionary, length in (("fixed", 3), ("blind", 4)):
        attributes = {"name": "tried", "dictionary": dictionary, "length": length}
        solver = type("Tried", (LowRankSolver,), attributes)()
        solver._parameters = {}
        solver.get_seed = lambda **_: 0
        objective = Scored.__new__(Scored)
        objective.references, objective.task = {}, Heard([], [track])
        assert solver._set_objective(objective) == (False, None)
    assert learned == [3]  # before it runs, and not for a blind model


def test_a_solver_takes_the_first_axes_that_suit_it():
    offered = (("frequency", "time"), ("frequency", "time in bar", "bar"))
    assert matching_axes([(None, None)], offered) == offered[0]
    assert matching_axes([(None, None, "bar")], offered) == offered[1]
    assert matching_axes([("frequency", None, "channel")], offered) is None
    assert matching_axes([("x", None), (None, None, None)], offered) == offered[1]
    assert matching_axes([], offered) is None


def test_a_blind_model_is_given_no_dictionary(track):
    task = Transcription([], [track])
    flat = Dictionary(np.ones((len(task.frequencies), 1)), np.array([60]))
    task.dictionary_of = lambda exponent: flat
    axes = task.axes[0]
    assert Given(task, axes, task.test[0], supervised=False).dictionary is None
    assert Given(task, axes, task.test[0]).dictionary is task.dictionary


def test_hints_free_and_bind_components(track):
    said = [Hint(60, 0.1, 0.3), Hint(62, 0.0, 9.9, sounds=True)]
    task = Transcription([], [track], hints={"song": said})
    given = Given(task, task.axes[0], task.test[0])
    allowed = given.allowed(np.array([60, 62, 60]), 44)
    first, last = round(0.1 / task.frame), round(0.3 / task.frame)
    assert not allowed[[0, 2], first:last].any()
    assert allowed[[0, 2], :first].all()
    assert allowed[1].all()
    other = Task([], [Track("other", {})])
    assert Given(other, None, other.test[0]).hints == ()


def test_a_low_rank_model_gets_v_and_its_components_are_decoded(track):
    seen = []

    class Decoded(Task):
        answers = "numbers"
        axes = (("frequency", "time"),)

        def represent(self, recording, axes):
            return np.ones((2, 3))

        def describe(self, model, given):
            return model.sum()

        def tune(self, describe):
            return lambda description, recording: (description + 1, "evidence")

    class Model(LowRankSolver):
        name = "model"

        def factorize(self, V, given):
            seen.append((V, given.axes, given.seed))
            return 2 * V

    solver = Model()
    solver._parameters = {}
    solver.get_seed = lambda **_: 5
    objective = Scored.__new__(Scored)
    objective.task = Decoded([], [track])
    solver._set_objective(objective)
    solver.run(None)
    assert solver.estimates["song"].answer == 13
    assert solver.estimates["song"].evidence == "evidence"
    assert seen[0][1:] == (("frequency", "time"), 5)
