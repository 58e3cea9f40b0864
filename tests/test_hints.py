"""Hints in files: a person can read them, and a run replays them."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from conftest import MINI
from hypothesis import given as for_all
from hypothesis import strategies as st
from solving import factorizer, plugin

from musaic_core.data.corpus import read_corpus
from musaic_core.data.errors import InputError
from musaic_core.data.hints import BOUNDARY, Hint, read_hints, write_hints
from musaic_core.data.recording import Track
from musaic_core.lowrank import nmf
from musaic_core.tasks.given import Given
from musaic_core.tasks.transcription.task import Excerpt, Transcription

TIMES = st.floats(0, 1e4, allow_nan=False)
LABELS = st.integers(21, 108) | st.sampled_from(["bass", "Gesang „1“", BOUNDARY])


@st.composite
def hints(draw):
    start, length, low, width = (draw(TIMES) for _ in range(4))
    end, high = start + length + 1, low + width + 1
    hint = Hint(draw(LABELS), start, end, draw(st.booleans()))
    return replace(hint, low=low, high=high) if draw(st.booleans()) else hint


@for_all(st.lists(hints()))
def test_what_is_written_is_read_again(tmp_path_factory, said):
    file = tmp_path_factory.mktemp("said") / "song.hints.json"
    write_hints(file, said)
    assert read_hints(file) == said


def test_a_person_can_read_the_file(tmp_path):
    file = tmp_path / "song.hints.json"
    said = [
        Hint(60, 1.0, 2.5, True),
        Hint("vocals", 3.0, 4.0, True, 200.0, 900.0),
        Hint(BOUNDARY, 32.5, 32.5, False),
    ]
    write_hints(file, said)
    assert file.read_text(encoding="utf-8") == (
        "[\n"
        '  {"label": 60, "start": 1.0, "end": 2.5, "sounds": true},\n'
        '  {"label": "vocals", "start": 3.0, "end": 4.0, "sounds": true, '
        '"low": 200.0, "high": 900.0},\n'
        '  {"label": "boundary", "start": 32.5, "end": 32.5, "sounds": false}\n'
        "]\n"
    )
    assert [hint.is_region for hint in read_hints(file)] == [False, True, False]


GOOD = {"label": 60, "start": 1, "end": 2, "sounds": True}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (7, "is no object"),
        ({**GOOD, "hight": 3}, "'hight' is nothing that hints have"),
        ({"label": 60, "start": 1, "sounds": True}, "has no end"),
        ({**GOOD, "label": None}, "its label is neither"),
        ({**GOOD, "label": True}, "its label is neither"),
        ({**GOOD, "sounds": 1}, "its sounds is neither"),
        ({**GOOD, "start": "1"}, "its start is no number"),
        ({**GOOD, "start": -1}, "its start is no number"),
        ({**GOOD, "end": float("nan")}, "its end is no number"),
        ({**GOOD, "end": 1}, "ends at 1 s"),
        ({**GOOD, "low": 300, "high": 200}, "its band ends at 200 Hz"),
    ],
)
def test_an_error_names_file_and_entry_and_says_what_to_do(tmp_path, wrong, reason):
    file = tmp_path / "song.hints.json"
    file.write_text(json.dumps([GOOD, wrong]), encoding="utf-8")
    with pytest.raises(InputError, match=f"song.hints.json: entry 2: .*{reason}"):
        read_hints(file)


@pytest.mark.parametrize("text", ["", "[", '{"label": 60}', "\xff"])
def test_what_is_no_list_of_hints_is_told(tmp_path, text):
    file = tmp_path / "song.hints.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"song.hints.json: (not readable|holds no)"):
        read_hints(file)


# files beside one's own recordings

SR = 8000
PARTS = {"bass": (150, 0), "lead": (1200, 1)}


@pytest.fixture
def folder(tmp_path):
    """One's own recordings: a file, and a folder of stems; and stems to learn from."""
    t = np.arange(24 * SR) / SR
    rng = np.random.default_rng(0)
    for name in ("own/song", "train/one"):
        (tmp_path / name).mkdir(parents=True)
        for stem, (hz, late) in PARTS.items():
            y = np.sin(2 * np.pi * hz * t) * (t >= late) + rng.normal(0, 0.01, len(t))
            soundfile.write(tmp_path / name / f"{stem}.wav", 0.3 * y, SR)
    y, _ = soundfile.read(tmp_path / "own" / "song" / "bass.wav")
    soundfile.write(tmp_path / "own" / "plain.wav", y, SR)
    return tmp_path


def replay(folder, hints=True):
    """The objective of separation, with the data of a folder."""
    objective = plugin("objectives/mss.py", phase="mixture", hints=0, wrong_hints=0)
    corpus = plugin(
        "datasets/folder.py",
        learn_from="songs",
        train=str(folder / "train"),
        isolated=None,
        hints=hints,
    )
    corpus.path = str(folder / "own")
    task = SimpleNamespace(get_benchmark_objective=lambda: objective)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(
            corpus.get_data.__globals__, "get_running_benchmark", lambda: task
        )
        objective.set_data(**corpus.get_data())
    objective._dataset = corpus
    return objective


def told_of(objective, dictionary="fixed"):
    """Rows of a solver by their tracks, and the hints that it was told."""
    told = {}

    def factorize(V, given):
        told[given.recording.id] = given.hints
        W = given.dictionary.templates if given.dictionary else None
        model = nmf(V, 4, seed=0, max_iter=3) if W is None else masked(V, W, given)
        return model

    def masked(V, W, given):
        labels = given.dictionary.labels
        H = np.full((W.shape[1], V.shape[1]), V.mean(), V.dtype)
        mask = given.mask(labels)
        model = nmf(V, W.shape[1], init=(W, H), fixed=("templates",), mask=mask)
        model.labels = labels
        return model

    solver = factorizer(factorize, dictionary)
    solver._set_objective(objective)
    solver.run(None)
    result = solver.get_result()
    answers = {name: estimate.answer for name, estimate in result["estimates"].items()}
    rows = {row["track"]: row for row in objective.evaluate_result(**result)}
    return rows, told, answers


def test_a_replay_gives_the_answer_that_the_same_hints_give_directly(folder):
    said = [Hint("bass", 0.0, 3.0, True), Hint("lead", 12.0, 13.5)]
    write_hints(folder / "own" / "plain.hints.json", said)
    replayed = replay(folder)
    direct = replay(folder, hints=False)
    plain = told_of(direct)[2]["plain.wav"]
    direct.task.hints = {"plain.wav": said}
    rows, told, answers = told_of(replayed)
    _, _, same = told_of(direct)
    assert told["plain.wav"] == tuple(said)
    for stem, y in answers["plain.wav"].items():
        np.testing.assert_array_equal(y, same["plain.wav"][stem])
    assert any((y != plain[stem]).any() for stem, y in answers["plain.wav"].items())
    assert rows["plain.wav"]["n_hints"] == 2
    assert rows["song"]["n_hints"] == 0


def test_hints_of_a_recording_whose_middle_is_analysed_have_its_times(folder):
    said = [Hint("bass", 0.0, 1.5), Hint("lead", 2.5, 3.5), Hint("lead", 23.0, 24.0)]
    write_hints(folder / "own" / "song.hints.json", said)
    rows, told, _ = told_of(replay(folder))  # 20 s of 24 s
    assert told["song"] == (Hint("lead", 0.5, 1.5),)
    assert rows["song"]["n_hints"] == 1


def test_hints_are_asked_for_and_counted_where_they_are_used(folder):
    write_hints(folder / "own" / "plain.hints.json", [Hint("bass", 0.0, 1.0)])
    rows, told, _ = told_of(replay(folder, hints=False))
    assert told["plain.wav"] == ()
    assert "n_hints" not in rows["plain.wav"]
    rows, _, _ = told_of(replay(folder), "blind")  # whose masks obey
    assert rows["plain.wav"]["n_hints"] == 1
    assert rows["song"]["n_hints"] == 0


def test_nothing_that_is_learned_from_is_what_a_user_spoke_of(folder):
    """Whatever its name is, and where each recording is learned from for the others."""
    write_hints(folder / "own" / "plain.hints.json", [Hint("bass", 0.0, 1.0)])
    task = replay(folder).task
    asked = next(recording for recording in task.test if recording.id == "plain.wav")
    namesake = Track("plain.wav", {"mixture": folder / "own" / "plain.wav"})
    assert len(Given(task, None, asked).hints) == 1
    assert Given(task, None, namesake).hints == ()
    excerpt = Excerpt("plain.wav", *namesake.audio())
    assert Given(task, None, excerpt).hints == ()


def test_a_file_that_is_broken_costs_its_row_and_no_other(folder):
    (folder / "own" / "plain.hints.json").write_text("[7]", encoding="utf-8")
    rows, _, _ = told_of(replay(folder))
    assert "plain.hints.json: entry 1: is no object" in rows["plain.wav"]["error"]
    assert rows["song"]["error"] == ""


def test_a_result_depends_on_what_is_in_the_files(folder):
    states = [replay(folder)._get_state()]
    for hint in (Hint("bass", 0.0, 1.0), Hint("bass", 0.0, 1.0, True)):
        write_hints(folder / "own" / "plain.hints.json", [hint])
        states.append(replay(folder)._get_state())
    again = replay(folder)._get_state()
    assert len({json.dumps(state, default=str) for state in states}) == 3
    assert again == states[-1]


@pytest.mark.parametrize("task", ["amt", "mss", "msa", "steering"])
def test_each_task_is_told_of_what_it_speaks_of(task):
    said = [
        Hint(60, 0.0, 1.0, True),
        Hint("bass", 0.0, 1.0),
        Hint("bass", 0.0, 1.0, False, 100.0, 300.0),
        Hint(BOUNDARY, 3.0, 3.0, True),
    ]
    track = read_corpus(MINI / "songs" / "train-seen")[0]
    parameters = {"phase": "mixture"} if task == "mss" else {}
    if task == "msa":
        parameters = {"feature": "chroma", "segmentation": "cbm", "bars": "heard"}
    if task in ("amt", "mss"):
        parameters |= {"hints": 0, "wrong_hints": 0}
    objective = plugin(f"objectives/{task}.py", **parameters)
    made = objective.make_task([track], [track], hints={track.id: said})
    told = Given(made, None, made.test[0]).hints
    assert list(told) == {"amt": said[:1], "msa": said[3:]}.get(task, said[1:3])


def test_of_notes_too_what_is_said_later_holds():
    """As the decoder has it, which obeys in the same order."""
    task = Transcription([], [Track("piece", {})])
    there, n = np.arange(10, 20), 40
    hints = [
        Hint(60, 0.0, n * task.frame),
        Hint(60, 10 * task.frame, 20 * task.frame, True),
    ]
    for said, sounds in ((hints, there), (hints[::-1], [])):
        given = Given(task, task.axes[0], task.test[0], hints=said)
        free = given.allowed([60, 61], n)
        assert np.flatnonzero(free[0]).tolist() == [*sounds]
        assert free[1].all()
