"""`benchopt run benchmarks/amt` scores every track, caches, and repeats itself."""

import tarfile

import numpy as np
import pandas as pd
import pytest
import soundfile
from conftest import FAST_NMF, PIANO

from musaic_core.notes import read_midi
from musaic_core.track import read_corpus
from musaic_core.transcription import transcription_scores

SOLVERS = (
    FAST_NMF,
    "nmf[dictionary=blind,beta=1,n_iter=20]",
    "sklearn[dictionary=fixed,beta=1,n_iter=20]",
    "silence",
)
COLUMNS = {
    *("track", "value", "n_parameters", "peak_memory_mb", "error"),
    *(
        f"{of}_{metric}"
        for of in ("onset", "note")
        for metric in ("precision", "recall", "f1")
    ),
    *(
        f"{of}_{metric}"
        for of in ("frame", "chroma")
        for metric in ("precision", "recall", "accuracy")
    ),
}


@pytest.fixture(scope="module")
def shared(original, tmp_path_factory):
    """A copy of the suite whose runs these tests share."""
    return original.copy(tmp_path_factory.mktemp("shared") / "musaic")


@pytest.fixture(scope="module")
def first(shared):
    """What the first run printed, and its results."""
    return shared.run(solvers=SOLVERS)


def scores(results):
    """The columns that do not depend on the machine's load, in a fixed order."""
    columns = ["solver_name", *(c for c in results if c.startswith("objective_"))]
    machine = ["objective_peak_memory_mb", "objective_files", "objective_name"]
    table = results[columns].drop(columns=machine)
    return table.sort_values(["solver_name", "objective_track"], ignore_index=True)


def test_a_run_gives_one_row_for_each_solver_and_test_track(shared, first):
    _, results = first
    tracks = {
        file.name for file in (shared.root / "datasets/mini/piano/test").iterdir()
    }
    assert len(tracks) == 2
    for _, rows in results.groupby("solver_name"):
        assert len(rows) == 2
        assert set(rows["objective_track"]) == tracks
    assert results["solver_name"].nunique() == len(SOLVERS)


def test_rows_have_the_columns_of_the_task(first):
    _, results = first
    assert {f"objective_{column}" for column in COLUMNS} <= set(results)
    measures = results[[f"objective_{c}" for c in COLUMNS - {"track", "error"}]]
    assert np.isfinite(measures.astype(float)).all(axis=None)
    assert (results["objective_value"] == results["objective_onset_f1"]).all()
    by_solver = results.groupby(results["solver_name"].str.split("[").str[0])
    assert by_solver["objective_value"].max()["silence"] == 0
    assert by_solver["objective_n_parameters"].max()["silence"] == 0
    assert by_solver["objective_n_parameters"].min()["nmf"] > 0


def test_saved_midi_holds_the_notes_that_were_scored(shared, first):
    _, results = first
    corpus = {t.id: t for t in read_corpus(shared.root / "datasets/mini/piano/test")}
    assert results["objective_files"].nunique() == len(results)
    for row in results.to_dict("records"):
        track = corpus[row["objective_track"]]
        notes = read_midi(shared.outputs() / row["objective_files"] / "estimate.mid")
        assert (len(notes) == 0) == (row["solver_name"] == "silence")
        again = transcription_scores(track.notes, notes, track.duration)
        assert again["onset_f1"] == row["objective_onset_f1"]
        assert again["note_recall"] == pytest.approx(row["objective_note_recall"])


def test_a_second_run_comes_from_the_cache(shared, first):
    printed, results = shared.run(solvers=SOLVERS)
    assert printed.count("(cached)") == len(SOLVERS)
    # the times that were measured are the same too
    pd.testing.assert_frame_equal(
        results.drop(columns="run_date"), first[1].drop(columns="run_date")
    )


def louder(file):
    y, sr = soundfile.read(file)
    soundfile.write(file, 1.01 * y, sr)


def later(file):
    data = bytearray(file.read_bytes())
    data[data.index(b"\xff\x51") + 5] ^= 1  # a microsecond of the tempo
    file.write_bytes(data)


@pytest.mark.parametrize(
    ("pattern", "edit"),
    [
        ("solvers/nmf.py", None),
        ("objectives/amt.py", None),
        ("musaic_core/nmf.py", None),
        ("musaic_core/kernels/__init__.py", None),
        ("datasets/mini/piano/test/*/piano.ogg", louder),
        ("datasets/mini/piano/test/*/notes.mid", later),
        ("datasets/mini/piano/train-seen/*/notes.mid", later),
        ("datasets/mini/piano/notes-seen/*/piano.ogg", louder),
    ],
)
def test_an_edit_to_code_or_corpus_makes_a_cached_run_run_again(
    shared, first, pattern, edit
):
    file = next(shared.root.glob(pattern))
    if edit is None:
        shared.edit(file)
    else:
        edit(file)
    printed, _ = shared.run()
    assert "done" in printed
    assert "(cached)" not in printed


def test_parallel_runs_give_the_scores_of_a_sequential_run(suite, first, tmp_path):
    sequential = scores(first[1])
    dask = tmp_path / "dask.yml"
    dask.write_text(
        "backend: dask\ndask_n_workers: 2\ndask_dashboard_address: null\n"
        f"dask_local_directory: {tmp_path / 'workers'}\n"
    )
    for how in (("-j", 2), ("--parallel-config", dask)):
        _, parallel = suite.run("--no-cache", *how, solvers=SOLVERS)
        pd.testing.assert_frame_equal(scores(parallel), sequential, check_exact=True)


def test_runs_with_one_seed_give_the_same_numbers(suite, first):
    printed, results = suite.run("--no-cache", solvers=SOLVERS)
    assert "(cached)" not in printed
    pd.testing.assert_frame_equal(scores(results), scores(first[1]), check_exact=True)


@pytest.mark.parametrize("how", [(), ("-j", 2)])
def test_an_absent_package_costs_one_line_and_the_run_goes_on(suite, how):
    suite.add_solver(
        "absent", "import surely_not_there", ["pip::surely-not-there", "numpy"]
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
    suite.add_solver("broken", "return task.predict(lambda track: 1 / 0)")
    printed, results = suite.run(solvers=("broken", "silence"))
    assert "ZeroDivisionError" in printed
    assert set(results["solver_name"]) == {"silence"}


def test_a_track_that_a_solver_fails_on_costs_its_own_row(suite):
    track = min((suite.root / "datasets/mini/piano/test").iterdir()).name
    suite.add_solver(
        "picky",
        "from musaic_core.notes import Notes; return task.predict("
        f"lambda t: t.notes if t.id != '{track}' else 1 / 0)",
    )
    _, results = suite.run(solvers=("picky",))
    rows = results.set_index("objective_track")
    failed = rows.loc[track]
    assert failed["objective_error"] == f"{track}: ZeroDivisionError: division by zero"
    assert np.isnan(failed["objective_value"])
    assert rows.drop(track)["objective_value"].tolist() == [1.0]


def test_an_added_solver_is_found_in_every_benchmark(suite):
    suite.add_solver("brand_new", "return {}")
    benchmarks = sorted((suite.root / "benchmarks").iterdir())
    assert benchmarks
    for benchmark in benchmarks:
        assert "brand_new" in suite.benchopt("info", benchmark)


def test_benchopt_info_lists_solvers_and_corpora(original):
    printed = original.benchopt("info", "benchmarks/amt")
    assert "Traceback" not in printed
    for name in (
        "mini",
        "folder",
        "nmf",
        "sklearn",
        "nn_fac",
        "basic_pitch",
        "silence",
    ):
        assert name in printed


def test_benchopt_archive_packs_the_benchmark(suite):
    suite.benchopt("archive", "benchmarks/amt")
    with tarfile.open(suite.root / "amt.tar.gz") as archive:
        names = set(archive.getnames())
        solver = archive.extractfile("amt/solvers/nmf.py").read()
    assert {"amt/objective.py", "amt/datasets/mini.py"} <= names
    assert solver == (suite.root / "solvers" / "nmf.py").read_bytes()


def test_benchopt_test_passes(suite):
    for solver in (suite.root / "solvers").glob("*.py"):
        if solver.stem not in {"nmf", "silence"}:
            solver.unlink()
    printed = suite.benchopt(
        "test", "benchmarks/amt", "--", "--skip-env", "--skip-install", "-v", "-rA"
    )
    for check in ("test_solver_run[nmf-mini]", "test_benchmark_objective[mini]"):
        assert f"{check} PASSED" in printed
