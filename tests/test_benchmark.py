"""What plugins inherit: rows, requirements, which runs they take part in, memory."""

import json
import types

import click
import numpy as np
import pytest
from benchopt.benchmark import Benchmark, _list_parametrized_classes
from conftest import ROOT

from musaic_core.benchmark import solver as module
from musaic_core.benchmark.choice import chosen, runs_all, sweep
from musaic_core.benchmark.memory import PeakMemory
from musaic_core.benchmark.objective import Objective
from musaic_core.benchmark.solver import LowRankSolver, Solver
from musaic_core.data.errors import InputError
from musaic_core.data.recording import Track
from musaic_core.tasks.base import Estimate, Task
from musaic_core.tasks.structure.task import Structure
from musaic_core.tasks.transcription.task import Transcription


class Recorded(Track):
    """A track of one second that has no files."""

    duration = 1.0


class Lengths(Objective):
    """Scores the answer itself."""

    name = "lengths"

    def score(self, track, answer):
        if answer == 0:
            raise ZeroDivisionError("no length")
        if answer < 0:
            raise InputError(f"{track.id}.mid: not a readable MIDI file")
        return {"value": answer}


@pytest.fixture
def rows():
    objective = Lengths.__new__(Lengths)
    objective._run_context = None
    tracks = [Recorded(name, {}) for name in ("c", "a", "b", "d")]
    objective.references = {track.id: track for track in tracks}
    estimates = {
        "a": Estimate(0.5, n_parameters=3, time_predict=2.0),
        "b": Estimate(error="b.wav: silent"),
        "c": Estimate(-1),
        "d": Estimate(0),
    }
    costs = {"kind": "peer", "peak_memory_mb": 7.0, "time_fit": 4.0}
    return objective.evaluate_result(estimates, **costs)


def test_rows_come_in_the_order_of_the_corpus(rows):
    assert [row["track"] for row in rows] == ["c", "a", "b", "d"]
    assert len({tuple(row) for row in rows}) == 1  # all have the same columns


def test_a_row_has_its_score_kind_size_and_costs(rows):
    assert rows[1]["value"] == 0.5
    assert rows[1]["kind"] == "peer"
    assert rows[1]["n_parameters"] == 3
    assert rows[1]["peak_memory_mb"] == 7.0
    assert (rows[1]["time_fit"], rows[1]["time_predict"]) == (4.0, 2.0)
    assert rows[1]["error"] == ""


def test_rows_tell_how_training_went(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_cache_folder", lambda: tmp_path)

    class Learns(Solver):
        name = "learns"
        answers = "nothing"

        def fit(self, train, given):
            return {"losses": np.float32([[1, 0.5, np.nan]])}

        def predict(self, recording, state, given):
            return 1.0

    solver = Learns.get_instance()
    solver.fitted_in = lambda _: (solver.fit([], None), 0.0)
    solver.task, solver._references = Task([], []), None
    for _ in range(2):  # as benchopt may
        solver.run(None)
        assert json.loads(solver.get_result()["losses"]) == [[[1, 0.5, None]]]


def test_a_row_without_score_has_the_reason_whatever_went_wrong(rows):
    assert all(np.isnan(rows[k]["value"]) for k in (0, 2, 3))
    assert rows[2]["error"] == "b.wav: silent"
    assert rows[0]["error"] == "c.mid: not a readable MIDI file"
    assert rows[3]["error"] == "d: ZeroDivisionError: no length"


def test_a_missing_corpus_is_skipped_and_says_why_once(capsys):
    objective = Lengths.__new__(Lengths)
    for _ in range(2):
        assert objective.skip(missing="get it there") == (True, None)
    assert capsys.readouterr().out == "! get it there\n"
    assert objective.skip(train=[], test=[]) == (False, None)


def plain(**attributes):
    return type("Plain", (Solver,), {"name": "plain", **attributes})


class Model(LowRankSolver):
    """A factorization, with or without a dictionary."""

    name = "model"
    parameters = {"dictionary": ["fixed", "blind"], "rank, beta": [(4, 1), (8, 2)]}


def instance(cls=Model, **parameters):
    solver = cls.__new__(cls)
    solver._parameters = parameters
    vars(solver).update(parameters)
    return solver


@pytest.mark.parametrize(
    ("dictionary", "supervised"), [("fixed", True), ("adapted", True), ("blind", False)]
)
def test_only_supervised_models_need_something_to_learn_from(dictionary, supervised):
    solver = instance(dictionary=dictionary)
    assert solver.supervised == supervised
    train = [Recorded("a", {})]
    skipped, reason = solver.skip(Transcription(train, []))
    assert skipped == supervised
    assert not supervised or "dictionary" in reason
    assert solver.skip(Transcription(train, [], train)) == (False, None)


def test_without_training_recordings_there_is_no_decoder_and_the_reason_is_given():
    skipped, reason = instance(dictionary="blind").skip(Transcription([], []))
    assert skipped
    assert "no training recordings" in reason


def test_to_skip_a_task_nothing_is_read_or_learned(monkeypatch):
    def read(self):
        raise AssertionError("audio was read")

    monkeypatch.setattr(Track, "audio", read)
    train = [Track("a", {"mixture": "nowhere.wav"})]
    solver = instance(dictionary="fixed")
    assert solver.skip(Transcription(train, train, train)) == (False, None)
    assert solver.skip(Structure(train, train))[0]


def test_a_task_without_axes_has_no_use_for_factors():
    class Tempo(Task):
        answers = "tempo"

    skipped, reason = instance(dictionary="blind").skip(Tempo([], []))
    assert skipped
    assert reason == "gives factors, and no decoder makes tempo of them"


def test_a_solver_is_skipped_by_a_task_that_asks_for_something_else():
    stems = instance(plain(answers="stems"))
    reason = "gives stems, not notes"
    assert stems.skip(Transcription([], [])) == (True, reason)
    notes = instance(plain(answers="notes"))
    assert notes.skip(Transcription([], [])) == (False, None)


@pytest.fixture
def running(monkeypatch):
    """Run as `benchopt run` does, with and without a choice of solvers."""

    def run(task, solvers=()):
        benchmark = type("Benchmark", (), {})()
        asked = {"task_class": task, "asks_for": lambda parameters: True}
        benchmark.get_benchmark_objective = lambda: types.SimpleNamespace(**asked)
        monkeypatch.setattr(module, "get_running_benchmark", lambda: benchmark)
        command = click.Command("run")
        context = click.Context(command, info_name="run")
        context.params = {"solver": solvers, "force_solver": ()}
        return context

    return run


def variants(base, **attributes):
    """The default sweep of a solver that is loaded now."""
    cls = type("Loaded", (base,), {"name": "loaded", **attributes})
    return list(sweep(cls))


def test_a_run_of_all_solvers_sweeps_only_what_its_task_has_a_use_for(running):
    parameters = Model.parameters
    with running(Transcription):
        assert len(variants(LowRankSolver, parameters=parameters)) == 4
        assert variants(Solver, answers="stems") == []
        assert variants(Solver, answers="notes") == [{}]
    with running(Structure):  # has no dictionary
        found = variants(LowRankSolver, parameters=parameters)
        assert found == [
            {"dictionary": "blind", "rank": 4, "beta": 1},
            {"dictionary": "blind", "rank": 8, "beta": 2},
        ]
        assert variants(LowRankSolver, axes=((None, None, "channel"),)) == []


def test_what_takes_long_is_run_where_all_is_asked_for(running):
    slow = {"answers": "notes", "in_default_run": False}
    with running(Transcription):
        assert variants(Solver, **slow) == []
    with running(Transcription, ("all",)):
        assert variants(Solver, **slow) == [{}]
        assert variants(Solver, answers="stems") == []  # which makes no sense


def test_a_solver_that_is_named_keeps_its_sweep(running):
    with running(Structure, ("loaded",)):
        assert len(variants(LowRankSolver, parameters=Model.parameters)) == 4
        assert variants(Solver, answers="stems") == [{}]


def asking(**params):
    """Run as `benchopt run` does with these options."""
    context = click.Context(click.Command("run"), info_name="run")
    context.params = {"solver": (), "force_solver": (), "dataset": ()} | params
    return context


def test_what_a_configuration_names_is_chosen(tmp_path):
    config = tmp_path / "mine.yml"
    config.write_text("solver: [hpss]\nforce-solver:\n  - nmf\n", encoding="utf-8")
    assert not runs_all("solver")  # no run at all
    with asking(config_file=str(config)):
        assert chosen("solver") == ["hpss", "nmf"]
        assert not runs_all("solver")
        assert runs_all("dataset")
    with asking(config_file=str(config), solver=("silence",), dataset=("mini",)):
        assert chosen("solver") == ["silence", "nmf"]
        assert not runs_all("dataset")
    for text in ("", "solver: all", "solver: ['*', 'nmf[beta=0]']"):  # and a variant
        config.write_text(text, encoding="utf-8")
        with asking(config_file=str(config)):
            assert runs_all("solver")


def run_by(config, tmp_path):
    """Solvers that a configuration runs, and whether each is installed."""
    # a new name: plugins are loaded anew, and those of other tests stay as they are
    folder = tmp_path / f"{config.parent.name}_{config.stem}"
    folder.mkdir()
    for name in ("objective.py", "solvers", "datasets"):
        (folder / name).symlink_to((config.parent / name).resolve())
    with asking(config_file=str(config)):
        benchmark = Benchmark(folder)
        solvers = benchmark.check_solver_patterns(chosen("solver"))
        return list(_list_parametrized_classes(*solvers))


@pytest.mark.parametrize(
    ("file", "named", "left_out"),
    [
        ("full.yml", {"nmf": 1, "ntd": 2}, "chosen_rank"),
        ("hierarchical.yml", {"chosen_rank": None}, "nmf"),
    ],
)
def test_a_configuration_runs_what_minimises_what_it_asks_for(
    tmp_path, file, named, left_out
):
    found = run_by(ROOT / "benchmarks" / "factorization" / file, tmp_path)
    betas = {s.name: s._parameters.get("beta") for s, installed in found if installed}
    assert named.items() <= betas.items()
    assert left_out not in betas


@pytest.mark.parametrize(
    ("task", "network", "parameter", "values", "others", "left_out"),
    [
        (
            *("amt", "deep_salience", "block"),
            ["convnext", "plain", "residual", "separable", "unet"],
            {"nmf", "note_cnn", "silence"},
            {"unet", "barwise_ssm"},  # which give no notes
        ),
        (
            *("mss", "unet", "masks", ["complex", "magnitude"]),
            {"nmf", "wave_unet", "mixture"},
            {"note_cnn", "barwise_ssm"},
        ),
    ],
)
def test_a_full_comparison_has_each_kind_of_network_once(
    tmp_path, task, network, parameter, values, others, left_out
):
    loaded = run_by(ROOT / "benchmarks" / task / "full.yml", tmp_path)
    found = [solver for solver, _ in loaded]
    given = [s._parameters[parameter] for s in found if s.name == network]
    assert sorted(given) == values
    names = {s.name for s in found}
    assert others <= names
    assert not left_out & names


def test_a_solver_without_its_packages_costs_a_run_one_line(running, capsys):
    absent = {"requirements": ["pip::surely-absent-too"], "answers": "notes"}
    with running(Transcription):
        assert variants(Solver, **absent) == []
        cls = type("Loaded", (Solver,), {"name": "loaded", **absent})
        assert (
            cls.is_installed()
        )  # it is not in the run, so benchopt has no line for it
    assert capsys.readouterr().out == (
        "! loaded needs surely-absent-too: pip install surely-absent-too\n"
    )
    with running(Structure):  # which it does not serve: no line at all
        variants(Solver, **absent, name="other")
    assert capsys.readouterr().out == ""


def test_where_nothing_can_be_learned_every_recording_has_a_row_with_the_reason():
    class Unreadable(Task):
        answers = "notes"

        def tune(self, describe):
            raise InputError("no training recording could be used")

    solver = instance(plain(answers="notes", describes=True))
    solver._references, solver.given_axes = None, None
    solver.task = Unreadable([], [Recorded("a", {}), Recorded("b", {})])
    solver.run(None)
    errors = {name: e.error for name, e in solver.estimates.items()}
    assert errors == dict.fromkeys("ab", "no training recording could be used")


def test_peak_memory_sees_an_array_that_is_gone_at_the_end():
    with PeakMemory() as memory:
        array = np.ones(25_000_000)  # 200 MB
        for _ in range(5):
            array *= 1.5
        del array
    assert 150 < memory.peak_mb < 600
    with PeakMemory() as memory:
        pass
    assert memory.peak_mb < 50
