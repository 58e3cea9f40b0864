"""`benchopt run benchmarks/steering`: floor, ceiling and a model, on one song."""

import numpy as np
import pytest
from conftest import FAST_NMF

from musaic_core.results.rows import score_table

SONG = "mini[part=songs,timbre=seen,tracks=1]"
SOLVERS = (FAST_NMF, "hpss", "ideal_mask", "mixture")


@pytest.fixture(scope="module")
def suite(original, tmp_path_factory):
    """A copy of the suite that these tests share."""
    return original.copy(tmp_path_factory.mktemp("steering") / "musaic")


@pytest.fixture(scope="module")
def results(suite):
    """Rows of a run, by solver."""
    _, results = suite.run(benchmark="steering", datasets=[SONG], solvers=SOLVERS)
    results["solver"] = results["solver_name"].str.split("[").str[0]
    return results.set_index("solver")


def test_every_solver_of_stems_is_asked_and_answers(results):
    assert set(results.index) == {"nmf", "hpss", "ideal_mask", "mixture"}
    assert (results["objective_error"] == "").all()
    columns = [
        f"objective_{metric}{request}"
        for metric in ("sdr", "reach", "spill")
        for request in ("", "_muted", "_halved", "_doubled", "_bass", "_drums")
    ]
    assert np.isfinite(results[columns].astype(float)).all(axis=None)


def test_a_model_lies_between_floor_and_ceiling(results):
    sdr, reach, spill = (results[f"objective_{m}"] for m in ("sdr", "reach", "spill"))
    assert sdr["mixture"] < sdr["nmf"] < sdr["ideal_mask"]
    assert reach["mixture"] < reach["nmf"] < reach["ideal_mask"] < 1
    assert spill["ideal_mask"] < spill["nmf"]
    assert sdr["ideal_mask"] == pytest.approx(results["objective_sdr_oracle"].iloc[0])
    assert (results["objective_sdr_mixture"] < sdr["mixture"]).all()


def test_parts_are_kept_for_pages_to_play(suite, results):
    for folder in results["objective_files"]:
        saved = suite.outputs("steering") / folder
        stems = {file.stem for file in saved.glob("*.ogg")}
        assert stems == {"bass", "drums", "other", "vocals"}


def test_reports_have_a_score_for_each_request(results):
    table = score_table(
        results.reset_index(), results["dataset_name"].iloc[0], "objective_reach_muted"
    )
    assert table.shape == (1, 4)
