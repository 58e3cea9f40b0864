"""Scores of structure are those of mir_eval, for references of any extent."""

import mir_eval
import numpy as np
import pandas as pd
import pytest
from conftest import MINI

from musaic_core.data.corpus import read_track
from musaic_core.tasks.structure.decoder import make_sections
from musaic_core.tasks.structure.scores import pairwise_f1, structure_scores

SONGS = MINI / "songs"


@pytest.fixture(scope="module")
def song():
    return read_track(SONGS / "test/harbour-lights")


def test_scores_are_those_of_mir_eval(song):
    reference = song.sections
    estimate = make_sections(song.downbeats, [0, 4, 16, 20, 40], "ABAC", song.duration)
    scores = structure_scores(reference, estimate)
    end = reference["end"].iloc[-1]
    assert end == song.duration
    intervals = [s[["start", "end"]].to_numpy() for s in (reference, estimate)]
    found = mir_eval.segment.detection(*intervals, window=0.5, trim=True)
    assert [scores[f"boundary_{m}_05"] for m in ("precision", "recall", "f1")] == [
        *found
    ]
    labels = [s["label"].tolist() for s in (reference, estimate)]
    pairwise = mir_eval.segment.pairwise(
        intervals[0], labels[0], intervals[1], labels[1]
    )
    assert scores["pairwise_f1"] == pairwise[2]
    assert 0 < scores["boundary_f1_05"] <= scores["boundary_f1_3"] < 1
    assert set(structure_scores(reference, reference).values()) == {1.0}


@pytest.mark.parametrize("seed", range(5))
def test_pairs_of_frames_are_counted_as_mir_eval_does(seed):
    rng = np.random.default_rng(seed)

    def sections():
        inner = np.sort(rng.uniform(0, 60, 9)).round(2)
        bounds = np.concatenate([[0], inner, [60.0]])
        labels = [f"{letter}" for letter in rng.choice(list("ABabC"), 10)]
        return np.stack([bounds[:-1], bounds[1:]], axis=1), labels

    intervals = *sections(), *sections()
    assert pairwise_f1(*intervals) == mir_eval.segment.pairwise(*intervals)[2]


def test_references_with_gaps_are_scored(song):
    estimate = make_sections(song.downbeats, [0, 4, 16, 40], "ABA", song.duration)
    rows = [(3, 9, "intro"), (12, 30, "verse"), (30, 70, "chorus")]
    reference = pd.DataFrame(rows, columns=["start", "end", "label"])
    scores = structure_scores(reference, estimate)
    assert np.isfinite(list(scores.values())).all()
    assert scores["boundary_recall_3"] > 0


@pytest.mark.parametrize("end", [0.001, 0.05, 3.0])
def test_a_reference_that_ends_after_the_recording_costs_no_score(song, end):
    late = song.sections.copy()
    late.loc[late.index[-1], "end"] += end
    assert set(structure_scores(late, song.sections).values()) == {1.0}
    estimate = make_sections(song.downbeats, [0, 4, 16, 20, 40], "ABAC", song.duration)
    assert structure_scores(late, estimate) == structure_scores(song.sections, estimate)


@pytest.mark.parametrize("start", [0.001, 0.05, 3.0])
def test_a_reference_that_begins_late_is_scored_from_there(song, start):
    late = song.sections.copy()
    late.loc[0, "start"] = start
    assert set(structure_scores(late, song.sections).values()) == {1.0}
