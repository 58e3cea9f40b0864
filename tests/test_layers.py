"""What layers stand for, and the check of it by regression."""

import json

import numpy as np
import pandas as pd
import pytest

from musaic_core.data.notes import Notes
from musaic_core.tasks.disentanglement import disentanglement
from tools.layers import FILE, RANKS, agreement, bars_alike, concepts_of, summarise


class Song:
    """Six bars of 2 s: A, A, B, B with one note less, A, C."""

    duration = 12.0
    downbeats = np.arange(0, 12, 2.0)
    motifs = {"A": (60, 64, 67, 72), "B": (62, 65, 69, 74), "C": (50, 51, 52, 53)}
    order = "AABBAC"

    def __init__(self):
        rows = [
            (2 * bar + 0.5 * i, 2 * bar + 0.5 * i + 0.4, pitch, 80, "")
            for bar, motif in enumerate(self.order)
            for i, pitch in enumerate(self.motifs[motif])
            if (bar, i) != (3, 2)
        ]
        self.notes = Notes.from_rows(rows)
        columns = ["start", "end", "label"]
        self.chords = pd.DataFrame([(0, 12, "C:maj")], columns=columns)
        self.sections = pd.DataFrame(
            [(0, 4, "verse"), (4, 12, "chorus")], columns=columns
        )


def test_bars_are_alike_that_share_most_of_their_notes():
    labels = bars_alike(Song())["label"].tolist()
    groups = [labels.index(label) for label in labels]
    assert groups == [0, 0, 2, 2, 0, 5]


def test_concepts_go_from_notes_to_sections():
    found = concepts_of(Song(), np.arange(1200) * 0.01)
    assert list(found) == ["notes", "chords", "bars", "sections"]
    assert [len(there) for there in found.values()] == [12, 1, 3, 2]
    assert found["sections"].sum(1).tolist() == [800, 400]  # chorus, verse


def concepts(n=4, n_frames=800, seed=0):
    rng = np.random.default_rng(seed)
    return np.repeat(rng.random((n, n_frames // 10)) < 0.4, 10, axis=1)


def test_components_that_are_the_concepts_are_disentangled_complete_and_informative():
    there = concepts()
    found = disentanglement(there * np.arange(1, 5)[:, None], there)
    assert found["disentanglement"] > 0.95
    assert found["completeness"] > 0.95
    assert found["informativeness"] > 0.95


def test_several_components_a_concept_are_disentangled_and_not_complete():
    there = concepts()
    rng = np.random.default_rng(1)
    loudness = np.repeat(there, 3, axis=0) + 0.3 * rng.random((12, there.shape[1]))
    found = disentanglement(loudness, there)
    assert found["disentanglement"] > 0.9
    assert found["completeness"] < 0.7
    assert found["informativeness"] > 0.9


def test_mixtures_of_concepts_inform_and_are_not_disentangled():
    there = concepts()
    mixed = np.random.default_rng(2).random((4, 4)) @ there
    found = disentanglement(mixed, there)
    assert found["informativeness"] > 0.9
    assert found["disentanglement"] < 0.5


def test_what_has_nothing_to_do_with_the_concepts_informs_of_nothing():
    found = disentanglement(concepts(seed=7).astype(float), concepts())
    assert found["informativeness"] < 0.1


@pytest.mark.parametrize("n_frames", [2, 3, 19, 20, 41])
def test_short_recordings_inform_too(n_frames):
    there = np.arange(n_frames) // 2 % 2 == [[0], [1]]
    found = disentanglement(there.astype(float), there)
    assert set(found) == {"disentanglement", "completeness", "informativeness"}
    assert n_frames < 20 or found["informativeness"] > 0.95


def test_one_component_alone_has_no_disentanglement():
    there = concepts(1)
    assert np.isnan(disentanglement(there.astype(float), there)["disentanglement"])


def records(deep, plain):
    return [
        {"track": track, "model": model, "layer": layer, "concept": "notes"}
        | {"purity": value + track / 10, "completeness": -layer}
        | {"disentanglement by lasso": value, "completeness by lasso": layer}
        for track in (0, 1)
        for model, values in (("deep", deep), ("plain", plain))
        for layer, value in enumerate(values, 1)
    ]


def test_layers_are_compared_with_plain_models_of_the_same_songs():
    made = records([0.4, 0.1], [0.3, 0.3])
    purity = [row for row in summarise(made) if row["score"] == "purity"]
    assert [row["difference"] for row in purity] == pytest.approx([0.1, -0.2])
    assert [row["deep"] for row in purity] == pytest.approx([0.45, 0.15])
    assert [row["rank"] for row in purity] == list(RANKS[:2])
    assert all(row["half_width"] == pytest.approx(0, abs=1e-9) for row in purity)


def test_two_ways_to_look_agree_where_they_rank_alike():
    found = agreement(records([0.4, 0.1], [0.3, 0.2]))
    assert found["purity and disentanglement by lasso"] == 1
    assert found["completeness and completeness by lasso"] == -1


def test_the_page_says_of_layers_what_was_measured():
    rows = json.loads(FILE.read_text(encoding="utf-8"))["layers"]
    purity = {
        (row["concept"], row["layer"]): row for row in rows if row["score"] == "purity"
    }
    for concept in ("notes", "chords", "bars", "sections"):
        of_layers = [purity[concept, layer]["deep"] for layer in (1, 2, 3, 4)]
        assert of_layers == sorted(of_layers, reverse=True)
        first = purity[concept, 1]
        assert first["difference"] > first["half_width"]
    for concept in ("notes", "chords", "bars"):
        for layer in (3, 4):
            row = purity[concept, layer]
            assert row["difference"] < -row["half_width"]
