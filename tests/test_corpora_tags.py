"""Corpora of genres, tags and works are read, and wait for tasks to come."""

import numpy as np
import pytest
from small_corpora import data_of, ids, sound, text

pytest_plugins = ["small_corpora"]


def test_gtzan_has_genres_and_beats(tmp_path, index):
    tracks = {}
    for genre in ("hiphop", "blues"):
        for i in range(5):
            files = {
                "audio": f"gtzan_genre/genres/{genre}/{genre}.0000{i}.wav",
                "beats": f"gtzan_tempo_beat-main/beats/gtzan_{genre}_0000{i}.beats",
                "tempo": f"gtzan_tempo_beat-main/tempo/gtzan_{genre}_0000{i}.bpm",
            }
            sound(tmp_path / files["audio"])
            text(tmp_path / files["beats"], "0.113\t4", "0.829\t1", "1.537\t2", "")
            tracks[f"{genre}.0000{i}"] = files
    tracks["blues.00000"] |= {"beats": None, "tempo": None}
    (tmp_path / tracks["hiphop.00004"]["audio"]).unlink()
    index(tracks=tracks)
    data = data_of("gtzan", tmp_path)
    assert ids(data["test"]) == ["blues.00000", "hiphop.00000"]
    assert len(data["train"]) == 7
    genres = [track.tags["genre"] for track in data["test"]]
    assert genres == ["blues", "hip-hop"]
    assert data["test"][0].beats is None
    np.testing.assert_allclose(data["test"][1].beats, [0.113, 0.829, 1.537])


def magnatagatune(root):
    heads = ["clip_id", "no voice", "guitar", "slow", "mp3_path"]
    lines = ["\t".join(f'"{name}"' for name in heads)]
    clips = {
        "0/a-0-29.mp3": (0, 1, 1),
        "b/b-0-29.mp3": (0, 1, 0),
        "c/c-0-29.mp3": (1, 0, 0),
        "d/d-0-29.mp3": (0, 1, 0),
        "f/f-30-59.mp3": (1, 0, 0),
        "f/gone-0-29.mp3": (1, 1, 1),
    }
    for number, (path, given) in enumerate(clips.items(), start=2):
        cells = [number, *given, path]
        lines.append("\t".join(f'"{cell}"' for cell in cells))
        if "gone" not in path:
            sound(root / path)
    text(root / "annotations_final.csv", *lines)


def test_magnatagatune_has_tags_and_the_split_of_its_folders(tmp_path):
    magnatagatune(tmp_path)
    data = data_of("magnatagatune", tmp_path)
    assert ids(data["train"]) == ["2", "3"]
    assert ids(data["test"]) == ["5", "6"]
    assert [t.tags["tags"] for t in data["train"]] == [["guitar", "slow"], ["guitar"]]
    assert [t.tags["tags"] for t in data["test"]] == [["guitar"], ["no voice"]]
    assert data["test"][0].duration == pytest.approx(2.0, abs=0.2)


def test_cover80_has_the_work_of_each_version(tmp_path):
    for work, versions in (
        ("A_Whiter_Shade_Of_Pale", ("annie_lennox+Medusa+03", "procol_harum+1967+01")),
        ("Abracadabra", ("steve_miller_band+Best+10", "sugar_ray+14_59+12")),
    ):
        for version in versions:
            folder = tmp_path / "coversongs" / "covers32k" / work
            sound(folder / f"{version}-{work}.mp3")
    text(tmp_path / "coversongs" / "covers32k" / "list1.list", "Abracadabra/…")
    data = data_of("cover80", tmp_path)
    works = [track.tags["work"] for track in data["test"]]
    assert works == ["A_Whiter_Shade_Of_Pale"] * 2 + ["Abracadabra"] * 2
    assert len(set(ids(data["test"]))) == 4
    assert data["train"] == []


TAGGING = '''"""Which tags a clip has."""

from musaic_core.benchmark.objective import Objective as BaseObjective
from musaic_core.tasks.base import Estimate, Task


class Tagging(Task):
    """Lists of tags."""

    answers = "tags"


class Objective(BaseObjective):
    """The share of right tags among those given."""

    name = "Tagging"
    task_class = Tagging
    needs = ("tags",)

    def score(self, track, tags):
        right = set(tags) & set(track.tags["tags"])
        return {"value": len(right) / max(len(tags), 1)}

    def get_one_result(self):
        return {"estimates": {name: Estimate([]) for name in self.references}}
'''
COMMONEST = '''"""The commonest tag of all."""

from collections import Counter

from musaic_core.benchmark.solver import Solver as BaseSolver


class Solver(BaseSolver):
    """Learns which tag is the commonest."""

    name = "commonest"
    answers = "tags"

    def predict(self, recording, given):
        assert not hasattr(recording, "tags")
        tags = Counter(tag for track in self.task.train for tag in track.tags["tags"])
        return [tags.most_common(1)[0][0]]
'''


def test_a_task_that_is_added_reads_a_corpus_that_no_task_had(original, tmp_path):
    suite = original.copy(tmp_path / "musaic")
    magnatagatune(tmp_path / "data")
    folder = suite.root / "benchmarks" / "tagging"
    (folder / "datasets").mkdir(parents=True)
    (folder / "objective.py").write_text(TAGGING, encoding="utf-8")
    (suite.root / "solvers" / "commonest.py").write_text(COMMONEST, encoding="utf-8")
    (folder / "solvers").symlink_to("../../solvers")
    link = folder / "datasets" / "magnatagatune.py"
    link.symlink_to("../../../datasets/magnatagatune.py")
    dataset = f"magnatagatune[path='{tmp_path / 'data'}']"
    given = {"benchmark": "tagging", "datasets": [dataset], "solvers": ["commonest"]}
    _, results = suite.run(**given)
    scores = results.set_index("objective_track")["objective_value"]
    assert scores.to_dict() == {"5": 1.0, "6": 0.0}
