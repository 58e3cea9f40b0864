"""What `benchopt run benchmarks/amt` gives beside what every task's run does."""

import numpy as np
import pytest
from conftest import FAST_NMF

from musaic_core.data.corpus import read_corpus
from musaic_core.data.notes import read_midi
from musaic_core.tasks.transcription.scores import transcription_scores

COLUMNS = {
    "value",
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
def first(original, tmp_path_factory):
    """A copy of the suite, and the results of a run there."""
    suite = original.copy(tmp_path_factory.mktemp("amt") / "musaic")
    sklearn = "sklearn[dictionary=fixed,beta=1,n_iter=20]"
    _, results = suite.run(solvers=(FAST_NMF, sklearn, "silence"))
    return suite, results


def test_rows_have_the_columns_of_the_task(first):
    _, results = first
    measures = results[[f"objective_{column}" for column in COLUMNS]]
    assert np.isfinite(measures.astype(float)).all(axis=None)
    assert (results["objective_value"] == results["objective_onset_f1"]).all()
    value = results.groupby("solver_name")["objective_value"].max()
    assert value["silence"] == 0


def test_saved_midi_holds_the_notes_that_were_scored(first):
    suite, results = first
    corpus = {t.id: t for t in read_corpus(suite.root / "datasets/mini/piano/test")}
    for row in results.to_dict("records"):
        track = corpus[row["objective_track"]]
        notes = read_midi(suite.outputs() / row["objective_files"] / "estimate.mid")
        assert (len(notes) == 0) == (row["solver_name"] == "silence")
        again = transcription_scores(track.notes, notes, track.duration)
        assert again["onset_f1"] == row["objective_onset_f1"]
        assert again["note_recall"] == pytest.approx(row["objective_note_recall"])


def test_one_model_in_two_packages_gives_one_score(first):
    _, results = first
    value = results.groupby("solver_name")["objective_value"].mean()
    assert value.filter(like="nmf").item() == pytest.approx(
        value.filter(like="sklearn").item(), abs=0.02
    )
