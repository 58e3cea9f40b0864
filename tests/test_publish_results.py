"""What the published site takes from results files, and what it leaves there."""

import os
import pickle

import pandas as pd
import pytest
from benchopt.results.parquet import PICKLE_PREFIX
from published_site import guided, results, rewrite

from musaic_core.publish import tables
from musaic_core.publish.curves import learning_curves
from musaic_core.publish.guided import gains_of
from musaic_core.publish.results import describe, incomplete, read_latest, readable
from musaic_core.publish.tracks import find_recordings

pytest_plugins = ["published_site"]


def test_the_newest_file_that_can_be_read_is_shown_and_broken_ones_are_named(
    benchmarks,
):
    outputs = benchmarks / "amt" / "outputs"
    (outputs / "cut.parquet").write_bytes((outputs / "run.parquet").read_bytes()[:500])
    pd.DataFrame({"solver_name": ["nmf"]}).to_parquet(outputs / "other.parquet")
    os.utime(outputs / "run.parquet", (0, 0))
    benchmark, problems = read_latest(benchmarks / "amt")
    assert benchmark.files == [outputs / "run.parquet"]
    assert len(problems) == 2
    assert any("cut.parquet" in problem for problem in problems)
    assert any("other.parquet: can't be used (lacks" in p for p in problems)


def test_a_benchmark_without_results_is_named_with_the_command_that_makes_them(
    tmp_path,
):
    benchmark, [problem] = read_latest(tmp_path / "amt")
    assert benchmark is None
    assert problem.endswith(f"run benchopt run {tmp_path / 'amt'}")


def test_missing_rows_and_failed_recordings_are_named():
    rows = results().assign(corpus="tiny a")
    rows.loc[0, "objective_error"] = "one.wav: no such file"
    problems = incomplete(rows.drop(index=[6]))
    assert any("one.wav: no such file (nmf[" in problem for problem in problems)
    assert any(
        "nmf[beta=2,dictionary=blind] on tiny a: 1 of 5" in problem
        for problem in problems
    )


def test_names_of_corpora_are_readable():
    assert readable("mini[part=piano,timbre=seen]") == "mini piano seen"
    assert readable("folder[learn_from=None,path=/my/x]") == "folder /my/x"
    assert readable("folder[hints=False,path=/my/x]") == "folder /my/x"
    assert readable("folder[hints=True,path=/my/x]") == "folder hints /my/x"
    assert readable("Task[beta=1,model=nmf]", with_base=False) == "β=1 nmf"


def test_the_kind_of_a_solver_is_what_it_says(amt):
    rows = amt.rows
    found = {n: describe(run) for n, run in rows.groupby("solver_name")}
    fixed, blind = "nmf[beta=1,dictionary=fixed]", "nmf[beta=2,dictionary=blind]"
    assert found[fixed] == {"kind": "low-rank", "beta": "1", "training": "yes"}
    assert found[blind] == {"kind": "low-rank", "beta": "2", "training": "no"}
    assert found["network"] == {"kind": "learned", "beta": "", "training": "yes"}
    assert found["silence"] == {"kind": "floor", "beta": "", "training": ""}


def test_what_a_page_says_of_a_task_is_asked_of_its_objective(amt, benchmarks):
    assert (amt.title, amt.lower_is_better) == ("Transcription", False)
    loss, _ = read_latest(benchmarks / "loss")
    assert (loss.title, loss.lower_is_better) == ("Approximation", True)
    (benchmarks / "msa" / "objective.py").write_text(
        "import nothing_like_it", encoding="utf-8"
    )
    benchmark, [problem] = read_latest(benchmarks / "msa")
    assert benchmark is None
    assert "its objective.py can't be loaded" in problem


def test_of_a_run_that_two_files_have_the_first_counts(benchmarks):
    outputs = benchmarks / "amt" / "outputs"
    rows = results().assign(objective_value=0.25)
    rows.to_parquet(outputs / "again.parquet")
    files = [outputs / "again.parquet", outputs / "run.parquet"]
    benchmark, problems = read_latest(benchmarks / "amt", files)
    assert not problems
    assert benchmark.files == files[:1]
    assert (benchmark.rows["objective_value"] == 0.25).all()
    assert len(benchmark.rows) == len(rows)


def test_guided_runs_stand_beside_the_scores_and_are_none(benchmarks):
    outputs = benchmarks / "amt" / "outputs"
    guided().to_parquet(outputs / "guided.parquet")
    plain = results().assign(objective_name="Task[hints=0,wrong_hints=0]")
    plain = plain.assign(objective_purity=0.25 + (plain["p_solver_beta"] == 1) / 2)
    plain.to_parquet(outputs / "run.parquet")
    files = [outputs / "run.parquet", outputs / "guided.parquet"]
    benchmark, problems = read_latest(benchmarks / "amt", files)
    assert not problems
    assert not benchmark.problems
    assert benchmark.files == files
    assert len(benchmark.provenance) == 2
    assert set(benchmark.rows["corpus"]) == {"tiny a"}
    tables.label_all([benchmark])
    table = tables.scores([benchmark])
    assert table["score"].max() > 0.9  # and not the 0.1 of guided ones
    steered = table.set_index("label")[["steering_gain", "hints", "purity"]]
    assert steered.loc["nmf β=1 fixed"].tolist() == pytest.approx([0.04, 4, 0.75])
    assert steered.loc["network"].isna().tolist()[:2] == [True, True]
    [(_, text)] = tables.sentences(table, benchmark)
    assert "The purest components are those of nmf β=1 fixed (0.75)" in text
    assert "By 4 hints nmf β=1 fixed gains most where none was given (+0.040)" in text
    answered = {found.id: found for found in find_recordings([benchmark])}
    gains = {curve["name"]: curve["gains"] for curve in gains_of(answered["one"])}
    # those with wrong hints are another matter
    assert gains["nmf β=1 fixed: Transcription, tiny a"] == [[1, 0.01], [4, 0.04]]
    assert not any("network" in name for name in gains)


def test_a_recording_knows_the_tasks_that_were_asked_of_it(benchmarks):
    read = [read_latest(benchmarks / name)[0] for name in ("amt", "mss", "msa")]
    tables.label_all(read)
    titles = {found.tasks for found in find_recordings(read)}
    assert any(", " in tasks for tasks in titles)
    assert {t for tasks in titles for t in tasks.split(", ")} == {b.title for b in read}


def test_problems_are_the_same_whatever_users_say(benchmarks):
    names = ["A[hints=0,phase=x,wrong_hints=0.1]", "A[phase=x]", "A", "A[hints=0]"]
    outputs = benchmarks / "amt" / "outputs"
    found = []
    for name in names:
        results().assign(objective_name=name).to_parquet(outputs / "run.parquet")
        benchmark, _ = read_latest(benchmarks / "amt")
        found += benchmark.rows["objective_name"].unique().tolist()
    assert found == ["A[phase=x]", "A[phase=x]", "A", "A"]


class Payload:
    """An object that does something when it is unpickled."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return open, (str(self.file), "w")


def test_objects_in_a_results_file_are_not_unpacked(benchmarks, tmp_path):
    packed = PICKLE_PREFIX + pickle.dumps(Payload(tmp_path / "ran"))
    rewrite(benchmarks, "amt", lambda rows: rows.assign(objective_other=packed))
    benchmark, problems = read_latest(benchmarks / "amt")
    assert problems == []
    assert "objective_other" not in benchmark.rows
    rewrite(benchmarks, "amt", lambda rows: rows.assign(objective_files=packed))
    read_latest(benchmarks / "amt")
    rewrite(benchmarks, "amt", lambda rows: rows.assign(solver_name=packed))
    _, problems = read_latest(benchmarks / "amt")
    assert "has packed objects in solver_name" in problems[0]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("text", ["[[[1, 2]]]", "[[[", "3", '[[["a", 1, 2]]]', "[[]]"])
def test_losses_that_cannot_be_read_are_a_line_and_lose_no_page(amt, text):
    amt.rows["objective_losses"] = text
    assert learning_curves([(amt, amt.rows)]) == []
    assert all("losses can't be read" in problem for problem in amt.problems)
    assert amt.problems
