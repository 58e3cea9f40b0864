"""What the embedded corpus foretells of recordings."""

import json
import os

import numpy as np
import pandas as pd
import pytest

from tools.foretell import foretold, main, newest

CORPUS = {"a": [0.9, 0.9], "b": [0.8, 0.6], "c": [0.6, 0.6], "d": [0.5, 0.3]}
# of six pairs of models one, b and c, is ranked the other way
RECORDINGS = {"a": [0.7, 0.7], "b": [0.4, 0.4], "c": [0.5, 0.5], "d": [0.2, 0.2]}


def results(scores, kind="low-rank", dataset="folder[path=x]", part=None):
    rows = [
        (solver, dataset, f"song {i}", kind, value, part)
        for solver, values in scores.items()
        for i, value in enumerate(values)
    ]
    columns = ["solver_name", "dataset_name", "objective_track", "objective_kind"]
    return pd.DataFrame(rows, columns=[*columns, "objective_value", "p_dataset_part"])


def of_mini(scores, part="piano"):
    return results(scores, dataset=f"mini[part={part},tracks=2]", part=part)


def test_one_pair_of_six_that_is_ranked_otherwise_makes_a_tau_of_two_thirds():
    found = foretold(of_mini(CORPUS), results(RECORDINGS))
    assert found["tau"] == pytest.approx(4 / 6)
    assert found["low"] == found["high"] == pytest.approx(4 / 6)  # both rank alike
    assert found["difference"] == pytest.approx((0.9 + 0.7 + 0.6 + 0.4 - 1.8) / 4)
    assert (found["models"], found["recordings"]) == (4, 2)


@pytest.mark.parametrize(("sign", "tau"), [(1, 1), (-1, -1)])
def test_the_same_order_is_1_and_its_reverse_minus_1(sign, tau):
    scores = {name: [sign * values[0]] for name, values in CORPUS.items()}
    assert foretold(of_mini(CORPUS), results(scores))["tau"] == pytest.approx(tau)


def test_the_interval_is_that_of_what_recordings_say():
    # one recording ranks as the corpus does, two the other way
    scores = {n: [v[0], -v[0], -v[0]] for n, v in CORPUS.items()}
    found = foretold(of_mini(CORPUS), results(scores))
    assert found["tau"] == pytest.approx(-1)
    assert (found["low"], found["high"]) == (-1, 1)


def test_recordings_agree_as_far_as_each_ranks_models_as_the_others_do():
    alike = foretold(of_mini(CORPUS), results(RECORDINGS))
    assert alike["agreement"] == pytest.approx(1)
    opposed = results({name: [v[0], -v[0]] for name, v in CORPUS.items()})
    assert foretold(of_mini(CORPUS), opposed)["agreement"] == pytest.approx(-1)
    alone = results({name: values[:1] for name, values in RECORDINGS.items()})
    assert np.isnan(foretold(of_mini(CORPUS), alone)["agreement"])


def test_floors_and_models_without_scores_are_left_out():
    floor = results({"silence": [0.0, 0.0]}, "floor")
    failed = results({"e": [np.nan, np.nan]})
    others = results({"only here": [0.1, 0.2]})
    recordings = pd.concat([results(RECORDINGS), floor, failed, others])
    corpus = pd.concat([of_mini(CORPUS), of_mini({"e": [1, 1], "silence": [0, 0]})])
    assert foretold(corpus, recordings)["models"] == 4


def test_one_model_alone_has_no_order():
    found = foretold(of_mini({"a": [1.0]}), results({"a": [0.5]}))
    assert np.isnan(found["tau"])
    assert found["difference"] == pytest.approx(0.5)


@pytest.fixture
def outputs(tmp_path):
    folder = tmp_path / "dance" / "outputs"
    folder.mkdir(parents=True)
    both = pd.concat([of_mini(CORPUS), of_mini(RECORDINGS, "songs")])
    both.to_parquet(folder / "default.parquet")
    results(RECORDINGS).to_parquet(folder / "mine.parquet")
    return folder


def test_parts_are_found_in_the_newest_results_and_kept_beside_what_is_known(
    outputs, tmp_path, capsys
):
    file = tmp_path / "foretell.json"
    file.write_text('{"other part": {"tau": 0.5}}', encoding="utf-8")
    mine = outputs / "mine.parquet"
    main([f"piano={mine}", f"songs={mine}"], file)
    known = json.loads(file.read_text(encoding="utf-8"))
    assert list(known) == ["dance piano", "dance songs", "other part"]
    assert known["dance piano"]["tau"] == 0.667
    assert known["dance songs"]["tau"] == 1
    assert (
        "dance piano: tau 0.67 (0.67 to 0.67; among recordings 1.00)"
        in capsys.readouterr().out
    )


def test_a_newer_run_with_hints_is_left(outputs, tmp_path):
    guided = of_mini({name: values[::-1] for name, values in RECORDINGS.items()})
    guided = pd.concat([guided.assign(p_obj_hints=n) for n in (0, 4)])
    guided.to_parquet(outputs / "guided.parquet")
    later = (outputs / "default.parquet").stat().st_mtime + 9
    os.utime(outputs / "guided.parquet", (later, later))
    assert newest(outputs, "piano")["objective_value"].max() == 0.9


@pytest.mark.parametrize(
    ("pair", "told"), [("piano=none", "no such file"), ("choir={}", "mini[part=choir]")]
)
def test_what_is_missing_is_told(outputs, tmp_path, capsys, pair, told):
    with pytest.raises(SystemExit):
        main([pair.format(outputs / "mine.parquet")], tmp_path / "foretell.json")
    assert told in capsys.readouterr().err
    assert not (tmp_path / "foretell.json").exists()
