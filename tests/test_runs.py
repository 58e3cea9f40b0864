"""`benchopt run` scores every track of every task, caches, and repeats itself."""

import shutil
import tarfile

import numpy as np
import pandas as pd
import pytest
import soundfile
from conftest import MUSIC_TASKS, PIANO

from musaic_core.data.corpus import read_corpus


@pytest.fixture(scope="module", params=MUSIC_TASKS, ids=lambda task: task.benchmark)
def task(request):
    """A music task, its corpus and its solvers."""
    return request.param


def run(suite, task, *arguments, solvers=None):
    """Run a task's solvers on its corpus."""
    return suite.run(
        *arguments,
        benchmark=task.benchmark,
        datasets=[task.corpus],
        solvers=solvers or task.solvers,
    )


@pytest.fixture(scope="module")
def shared(original, tmp_path_factory):
    """A copy of the suite whose runs these tests share."""
    return original.copy(tmp_path_factory.mktemp("shared") / "musaic")


@pytest.fixture(scope="module")
def first(shared, task):
    """What a task's first run printed, and its results."""
    return run(shared, task)


def part_of(task):
    """The folder of the corpus that a task's tests run on."""
    return "piano" if task.corpus == PIANO else "songs"


READINGS = ("objective_purity", "objective_completeness")


def scores(results):
    """The columns that do not depend on the machine's load, in a fixed order."""
    columns = ["solver_name", *(c for c in results if c.startswith("objective_"))]
    machine = [f"objective_{cost}" for cost in ("peak_memory_mb", "files", "name")]
    machine += ["objective_time_fit", "objective_time_predict"]
    table = results[columns].drop(columns=machine)
    return table.sort_values(["solver_name", "objective_track"], ignore_index=True)


def assert_same(found, expected, **options):
    """Scores are the same; what components stand for hangs on the factors' last digits.

    Chance is where so much of the loudness has been heard, and single-precision sums
    may be rounded in another order.
    """
    stand_for = [c for c in expected if c in READINGS]
    assert list(found) == list(expected)
    pd.testing.assert_frame_equal(
        found.drop(columns=stand_for), expected.drop(columns=stand_for), **options
    )
    pd.testing.assert_frame_equal(
        found[stand_for], expected[stand_for], rtol=1e-3, atol=1e-4
    )


def test_a_run_gives_one_row_for_each_solver_and_test_track(shared, task, first):
    _, results = first
    corpus = read_corpus(shared.root / "datasets/mini" / part_of(task) / "test")
    assert len(corpus) == 2
    for _, rows in results.groupby("solver_name"):
        assert sorted(rows["objective_track"]) == [track.id for track in corpus]
    assert results["solver_name"].nunique() == len(task.solvers)


def test_every_row_has_finite_scores_a_cost_and_files(shared, task, first):
    _, results = first
    assert (results["objective_error"] == "").all()
    costs = "n_parameters", "peak_memory_mb", "time_fit", "time_predict"
    for column in ("value", "duration", *costs):
        assert np.isfinite(results[f"objective_{column}"].astype(float)).all()
    assert results["objective_files"].nunique() == len(results)
    for folder in results["objective_files"]:
        assert any((shared.outputs(task.benchmark) / folder).iterdir())
    size = results.groupby("solver_name")["objective_n_parameters"].min()
    assert size.filter(like="nmf").min() > 0
    assert size[task.solvers[-1]] == 0


def test_a_model_beats_the_floor(task, first):
    if task.benchmark == "msa":
        pytest.skip("the songs that are run are as regular as equal sections")
    value = first[1].groupby("solver_name")["objective_value"].mean()
    floor = task.solvers[-1]
    assert value.drop(floor).max() > value[floor]


def test_a_second_run_comes_from_the_cache(shared, task, first):
    printed, results = run(shared, task)
    assert printed.count("(cached)") == len(task.solvers)
    # the times that were measured are the same too
    pd.testing.assert_frame_equal(
        results.drop(columns="run_date"), first[1].drop(columns="run_date")
    )


def test_a_run_whose_files_were_removed_has_them_again(original, tmp_path):
    suite = original.copy(tmp_path / "musaic")
    for number, cached in enumerate((0, 0, 1)):
        if number == 1:
            shutil.rmtree(suite.outputs())
        printed, results = suite.run(solvers=["silence"])
        assert printed.count("(cached)") == cached
        for folder in results["objective_files"]:
            assert any((suite.outputs() / folder).iterdir())


def louder(file):
    y, sr = soundfile.read(file)
    soundfile.write(file, 1.01 * y, sr)


def later(file):
    data = bytearray(file.read_bytes())
    data[data.index(b"\xff\x51") + 5] ^= 1  # a microsecond of the tempo
    file.write_bytes(data)


def shifted(file):
    time, *rest = file.read_text(encoding="utf-8").splitlines()
    file.write_text(
        "\n".join([time.replace("0", "0.001", 1), *rest]) + "\n", encoding="utf-8"
    )


EDITS = {
    "amt": [
        ("solvers/nmf.py", None),
        ("objectives/amt.py", None),
        ("musaic_core/lowrank/nmf.py", None),
        ("musaic_core/lowrank/starts.py", None),
        ("musaic_core/data/audio.py", None),
        ("musaic_core/data/corpus.py", None),  # which the dataset alone imports
        ("datasets/mini/piano/test/*/piano.ogg", louder),
        ("datasets/mini/piano/test/*/notes.mid", later),
        ("datasets/mini/piano/train-seen/*/notes.mid", later),
        ("datasets/mini/piano/notes-seen/*/piano.ogg", louder),
    ],
    "mss": [
        ("objectives/mss.py", None),
        ("datasets/mini/songs/test/*/bass.ogg", louder),
        ("datasets/mini/songs/train-seen/*/drums.ogg", louder),
    ],
    "msa": [
        ("objectives/msa.py", None),
        ("datasets/mini/songs/test/*/sections.lab", shifted),
        ("datasets/mini/songs/train-seen/*/sections.lab", shifted),
    ],
}


def test_an_edit_to_code_or_corpus_makes_a_cached_run_run_again(shared, task, first):
    for pattern, edit in EDITS[task.benchmark]:
        file = min(shared.root.glob(pattern))  # of the tracks that are run
        if edit is None:
            shared.edit(file)
        else:
            edit(file)
        printed, _ = run(shared, task, solvers=task.solvers[:1])
        assert "done" in printed, pattern
        assert "(cached)" not in printed, pattern


def test_an_edit_to_what_a_run_does_not_import_runs_nothing_again(shared, task, first):
    run(shared, task)
    for path in (
        "musaic_core/publish/site.py",
        "musaic_core/lowrank/deep/tensor.py",
        "solvers/basic_pitch.py",
        "tools/overview.py",
        "README.md",
    ):
        (shared.root / path).touch()
        shared.edit(path)
    printed, _ = run(shared, task)
    assert printed.count("(cached)") == len(task.solvers)


def test_parallel_runs_give_the_scores_of_a_sequential_run(
    suite, task, first, tmp_path
):
    sequential = scores(first[1])
    dask = tmp_path / "dask.yml"
    dask.write_text(
        "backend: dask\ndask_n_workers: 2\ndask_dashboard_address: null\n"
        f"dask_local_directory: {tmp_path / 'workers'}\n",
        encoding="utf-8",
    )
    for how in (("-j", 2), ("--parallel-config", dask)):
        _, parallel = run(suite, task, "--no-cache", *how)
        # Workers have fewer threads, so single-precision sums are rounded in another
        # order, and the filters that BSS Eval solves for magnify that where stems are
        # alike.
        assert_same(scores(parallel), sequential, rtol=1e-5)


def test_runs_with_one_seed_give_the_same_numbers(suite, task, first):
    printed, results = run(suite, task, "--no-cache")
    assert "(cached)" not in printed
    assert_same(scores(results), scores(first[1]), check_exact=True)


@pytest.mark.parametrize("how", [(), ("-j", 2)])
def test_an_absent_package_costs_one_line_and_the_run_goes_on(suite, how):
    suite.add_solver(
        "absent",
        "import surely_not_there",
        requirements=["pip::surely-not-there", "numpy"],
    )
    printed, results = suite.run(*how, solvers=("absent", "silence"))
    about = [line for line in printed.splitlines() if "surely-not-there" in line]
    assert about == [
        "! absent needs surely-not-there: pip install surely-not-there",
    ]
    assert "Traceback" not in printed
    assert set(results["solver_name"]) == {"silence"}


def test_a_corpus_that_is_not_there_costs_one_line_and_the_run_goes_on(suite, tmp_path):
    nowhere = tmp_path / "nowhere"
    printed, results = suite.run(
        datasets=("folder", f"folder[path={nowhere}]", PIANO), solvers=["silence"]
    )
    for path in (suite.outputs().parent / "data" / "folder", nowhere):
        about = [
            line for line in printed.splitlines() if f"recordings in {path};" in line
        ]
        assert len(about) == 1
        assert "folder[path=" in about[0]
    assert "Traceback" not in printed
    assert set(results["dataset_name"]) == {PIANO}


def test_a_solver_that_fails_costs_the_others_nothing(suite):
    suite.add_solver("broken", "return 1 / 0")
    printed, results = suite.run(solvers=("broken", "silence"))
    assert "ZeroDivisionError" in printed
    assert set(results["solver_name"]) == {"silence"}


def test_a_track_that_a_solver_fails_on_costs_its_own_row(suite):
    track = min((suite.root / "datasets/mini/piano/test").iterdir()).name
    suite.add_solver(
        "picky",
        f"return recording.notes if recording.id != '{track}' else 1 / 0",
        extra='kind = "oracle"',
    )
    _, results = suite.run(solvers=("picky",))
    rows = results.set_index("objective_track")
    failed = rows.loc[track]
    assert failed["objective_error"] == f"{track}: ZeroDivisionError: division by zero"
    assert np.isnan(failed["objective_value"])
    assert rows.drop(track)["objective_value"].tolist() == [1.0]


def test_an_added_solver_is_found_in_every_benchmark(suite):
    suite.add_solver("brand_new", "return {}")
    benchmarks = sorted((suite.root / "benchmarks").glob("*/"))
    assert benchmarks
    for benchmark in benchmarks:
        assert "brand_new" in suite.benchopt("info", benchmark)


def test_benchopt_info_lists_every_solver_and_the_corpora(original, task):
    printed = original.benchopt("info", f"benchmarks/{task.benchmark}")
    assert "Traceback" not in printed
    solvers = {file.stem for file in (original.root / "solvers").glob("*.py")}
    for name in {"mini", "folder"} | {name.replace("_", "-") for name in solvers}:
        assert name in printed.replace("_", "-")


def test_benchopt_archive_packs_the_benchmark(suite, task):
    name = task.benchmark
    suite.benchopt("archive", f"benchmarks/{name}")
    with tarfile.open(suite.root / f"{name}.tar.gz") as archive:
        names = set(archive.getnames())
        solver = archive.extractfile(f"{name}/solvers/nmf.py").read()
    assert {f"{name}/objective.py", f"{name}/datasets/mini.py"} <= names
    assert solver == (suite.root / "solvers" / "nmf.py").read_bytes()


def test_benchopt_test_passes(suite, task):
    floor = task.solvers[-1]
    for solver in (suite.root / "solvers").glob("*.py"):
        if solver.stem not in {"nmf", floor}:
            solver.unlink()
    printed = suite.benchopt(
        *("test", f"benchmarks/{task.benchmark}", "--", "--skip-env"),
        *("--skip-install", "-v", "-rA"),
    )
    for check in (f"test_solver_run[{floor}-mini]", "test_benchmark_objective[mini]"):
        assert f"{check} PASSED" in printed
