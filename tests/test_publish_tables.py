"""Tables of the published site: means, ranks, costs, and what is said of them."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from published_site import publish, read_and_label, results, rewrite

from musaic_core.publish import tables
from musaic_core.publish.results import read_latest
from musaic_core.results.statistics import front

pytest_plugins = ["published_site"]


def test_of_a_curve_the_lowest_loss_counts_and_one_recording_has_no_rank(benchmarks):
    loss, _ = read_latest(benchmarks / "loss")
    tables.label_all([loss])
    table = tables.scores([loss]).set_index("label")
    assert table.index[0] == "nmf β=1 fixed"
    assert table.loc["silence", "score"] == pytest.approx(1.1, abs=0.06)
    assert table["rank"].isna().all()
    assert table.loc["silence", "time"] == pytest.approx(0.4)
    assert table["time_fit"].isna().all()
    [(_, text)] = tables.sentences(tables.scores([loss]), loss)
    assert text.startswith("nmf β=1 fixed has the lowest mean")


def test_floors_and_oracles_have_no_rank_and_are_on_no_front(amt):
    table = tables.scores([amt])
    apart = table[table["apart"]]
    assert apart["label"].tolist() == ["ideal", "silence"]
    assert table.index[-2:].equals(apart.index)
    assert apart["rank"].isna().all()
    assert table["rank"].dropna().tolist() == [1, 2, 3]


def test_a_solver_that_fails_shrinks_nobody_and_is_marked_everywhere(
    benchmarks, tmp_path
):
    whole = tables.scores([read_and_label(benchmarks)]).set_index("label")

    def fail(rows):
        failed = (rows["solver_name"] == "network") & (rows["objective_track"] != "one")
        rows.loc[failed, "objective_value"] = np.nan
        rows.loc[failed, "objective_error"] = "it broke"
        rows.loc[failed, "objective_duration"] = np.nan
        return rows

    rewrite(benchmarks, "amt", fail)
    table = tables.scores([read_and_label(benchmarks)]).set_index("label")
    for label in ("nmf β=1 fixed", "nmf β=2 blind", "silence", "ideal"):
        for column in ("score", "n", "low", "high"):
            same = table.loc[label, column] == whole.loc[label, column]
            assert same, (label, column)
    assert table.loc["network", ["n", "of"]].tolist() == [1, 5]
    assert pd.isna(table.loc["network", "rank"])
    site = publish(benchmarks, tmp_path / "results")
    page = (site / "benchmarks" / "amt.html").read_text("utf-8")
    assert "1 of 5 recordings" in page
    assert "network has 1 of 5 recordings alone" in page
    assert len(list(site.glob("tracks/*.html"))) == 5  # failing ones are not apart


def test_repetitions_say_how_much_is_chance(benchmarks, tmp_path):
    results(3).to_parquet(benchmarks / "amt" / "outputs" / "run.parquet")
    benchmark = read_and_label(benchmarks)
    table = tables.scores([benchmark])
    assert (table["n"] == 5).all()
    assert (
        table["interval"]
        .str.fullmatch(r"± \d\.\d{3} \(recordings \d\.\d{3}, chance \d\.\d{3}\)")
        .all()
    )
    index = (publish(benchmarks, tmp_path / "site") / "index.html").read_text("utf-8")
    assert re.search(r"recordings \d\.\d{3}, chance \d\.\d{3}", index)
    assert "3 repetitions" in index
    once = tables.scores([read_and_label(benchmarks, "mss")])
    assert once["interval"].str.endswith("chance: not measured (-r 3 does)").all()


def test_fit_and_predict_are_two_columns(amt, site):
    table = tables.scores([amt]).set_index("label")
    assert table.loc["network", "time_fit"] == pytest.approx(30.7)
    assert table.loc["network", "time_predict"] == pytest.approx(7.7 * 60 / 14)
    assert table["time"].isna().all()
    page = (site / "benchmarks" / "amt.html").read_text("utf-8")
    assert "fit: s, training and tuning of a run" in page
    assert "predict: s for a minute of music" in page
    page = (site / "benchmarks" / "loss.html").read_text("utf-8")
    assert "time: s" in page
    assert "predict" not in page


@given(
    st.lists(st.tuples(*2 * [st.integers(0, 5) | st.just(np.nan)]), max_size=20),
)
def test_what_is_on_the_front_is_beaten_by_none_and_beats_the_rest(points):
    costs, qualities = np.array(points, float).reshape(-1, 2).T
    on = front(costs, qualities)

    def beats(i, j):
        as_good = costs[i] <= costs[j] and qualities[i] >= qualities[j]
        return as_good and (costs[i] < costs[j] or qualities[i] > qualities[j])

    for j in np.flatnonzero(np.isfinite(costs) & np.isfinite(qualities)):
        beaten = any(beats(i, j) for i in np.flatnonzero(on))
        assert on[j] != beaten
    assert not on[np.isnan(costs) | np.isnan(qualities)].any()


def test_sentences_say_what_the_table_does(amt):
    table = tables.scores([amt])
    [(corpus, text)] = tables.sentences(table, amt)
    best = table[table["label"] == "nmf β=1 fixed"].iloc[0]
    assert corpus == "tiny a"
    assert text.startswith(f"nmf β=1 fixed has the highest mean, {best.score:.3f} ± ")
    assert "ahead of every other model by more than chance" in text
    ideal = table.set_index("label").loc["ideal", "score"]
    assert f"Beside them stand ideal (oracle) at {ideal:.3f}, silence (floor)" in text


def test_the_front_that_is_drawn_is_the_one_that_is_told(site):
    """Of what costs nothing, which no axis of such costs has, neither says anything."""
    page = (site / "index.html").read_text(encoding="utf-8")

    def held(name):
        return json.loads(re.search(f'id="{name}">(.*?)</script>', page, re.S)[1])

    points, told = held("points"), held("told")
    assert told
    for corpus, texts in told.items():
        task, name = corpus.split("|")
        mine = [p for p in points if (p["task"], p["corpus"]) == (task, name)]
        for cost, text in texts.items():
            on = sorted((p[cost], p["label"]) for p in mine if p[f"front_{cost}"])
            assert all(value > 0 for value, _ in on)
            if on:
                best = ", ".join(label for _, label in on)
                assert text.startswith(f"No solver is better and cheaper than {best}")
            else:
                assert text.startswith("No model has")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.00012, "< 0.001"),
        (0.01234, "0.0123"),
        (7.0, "7.00"),
        (1234567.0, "1,230,000"),
    ],
)
def test_costs_have_three_digits(value, text):
    assert tables.cost(value) == text
    assert tables.cost(None) == "–"


def test_the_table_can_be_had_as_csv(site):
    table = pd.read_csv(site / "scores.csv")
    assert len(table) == 4 * 5
    best = table[(table["task"] == "amt") & (table["rank"] == 1)].iloc[0]
    page = (site / "benchmarks" / "amt.html").read_text("utf-8")
    assert f"{best['score']:.3f}" in page
    assert best["low"] < best["score"] < best["high"]
