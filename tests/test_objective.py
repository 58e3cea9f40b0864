"""Which task an objective makes of its data, and the folders that answers lie in."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from benchopt.utils.run_context import RunContext
from hypothesis import given
from hypothesis import strategies as st
from solving import plugin

from musaic_core.benchmark.folders import unique_names
from musaic_core.benchmark.objective import Objective
from musaic_core.data import audio
from musaic_core.data.errors import InputError
from musaic_core.data.paths import join_paths, split_paths
from musaic_core.data.recording import Track
from musaic_core.tasks.base import Estimate, Task
from musaic_core.tasks.given import Hint


class Lengths(Objective):
    """Makes a new task whenever it is asked to."""

    name = "lengths"
    parameters = {"unit": ["s"]}

    def make_task(self, train, test, isolated=(), **data):
        return Task(train, test)


def objective(seed=0, **parameters):
    made = Lengths.get_instance(**({"unit": "s"} | parameters))
    made.get_seed = lambda **_: seed
    return made


@pytest.fixture(autouse=True)
def kept(monkeypatch):
    """The tasks that are kept; none at first."""
    tasks = {}
    monkeypatch.setattr(Objective, "_tasks", tasks)
    return tasks


@pytest.fixture
def tracks(tmp_path):
    """Two tracks of two stems."""
    for name in ("bass", "lead", "other"):
        (tmp_path / f"{name}.wav").write_bytes(name.encode())
    bass, lead, other = (tmp_path / f"{n}.wav" for n in ("bass", "lead", "other"))
    return [
        Track("one", {"bass": bass, "lead": lead}),
        Track("two", {"bass": other, "lead": lead}),
    ]


def task_of(tracks, *, train=(), seed=0, unit="s", **data):
    made = objective(seed, unit=unit)
    made.set_data(train=list(train), test=tracks, **data)
    return made.task


def test_the_same_data_gives_the_task_that_was_made(tracks):
    task = task_of(tracks)
    assert task_of(tracks) is task
    assert task_of([replace(track) for track in tracks]) is task  # read anew


OTHERWISE = {
    "how much amid it is read": lambda one, two: [one.amid(5), two],
    "how much else amid it is read": lambda one, two: [one.amid(30), two],
    "swapped names of stems": lambda one, two: [
        replace(
            one,
            stem_files={
                "bass": one.stem_files["lead"],
                "lead": one.stem_files["bass"],
            },
        ),
        two,
    ],
    "the order of stems": lambda one, two: [
        replace(one, stem_files=dict(reversed(one.stem_files.items()))),
        two,
    ],
    "an id": lambda one, two: [replace(one, id="three"), two],
    "the order of tracks": lambda one, two: [two, one],
    "a track less": lambda one, two: [one],
    "swapped ids": lambda one, two: [replace(one, id="two"), replace(two, id="one")],
}


@pytest.mark.parametrize("change", OTHERWISE.values(), ids=OTHERWISE)
def test_data_that_differs_in_anything_gives_a_task_of_its_own(tracks, change):
    task = task_of(tracks)
    other = task_of(change(*tracks))
    assert other is not task
    assert task_of(tracks) is task
    assert [r.id for r in other.test] == [t.id for t in change(*tracks)]


def test_what_is_learned_from_is_part_of_the_data(tracks):
    one, two = tracks
    tasks = [task_of([one], train=train) for train in ([two], [one, two], [two, one])]
    tasks += [task_of([one], isolated=isolated) for isolated in ([], [two], [one])]
    hint = {"one": [Hint(60, 0.0, 1.0)]}
    tasks += [task_of([one], hints=hint), task_of([one], hints={})]
    assert len({id(task) for task in tasks}) == len(tasks)


def test_a_file_that_changes_gives_a_new_task(tracks):
    task = task_of(tracks)
    tracks[0].stem_files["bass"].write_bytes(b"another take")
    assert task_of(tracks) is not task


def test_seeds_and_parameters_of_the_objective_give_tasks_of_their_own(tracks):
    tasks = [task_of(tracks), task_of(tracks, seed=1), task_of(tracks, unit="h")]
    assert len({id(task) for task in tasks}) == 3


def test_two_tasks_are_kept_at_most(tracks, kept):
    one, two = tracks
    first = task_of([one])
    for seconds in (5, 10, 30):
        task_of([one.amid(seconds)])
        assert len(kept) <= 2
    latest = task_of([two])
    assert task_of([two]) is latest
    assert task_of([one]) is not first


NAMES = [
    *("take 1", "take_1", "take  1", "Take_1", "take/1"),
    *("..", ".", "_", "…", "", "a.wav", "A.WAV"),
    *(250 * "a", 251 * "a", 100 * "音楽", 101 * "音楽"),
]


def test_recordings_never_share_a_folder():
    folders = unique_names(NAMES)
    assert list(folders) == NAMES
    assert len({folder.lower() for folder in folders.values()}) == len(NAMES)
    for folder in folders.values():
        assert folder.strip(".")
        assert not set(folder) & set('/\\ :*?"<>|')
        assert len(folder.encode()) < 255
    assert folders["take 1"] == "take_1"
    assert folders["take_1"] != "take_1"
    assert folders["a.wav"] == "a.wav"


def test_runs_never_share_a_folder(tmp_path):
    long = 150 * "音"
    names = ["mini[part=piano]", "folder[path=/a/b]", "folder[path=/a_b]"]
    names += [f"folder[path={long}]", f"folder[path={long}a]"]
    made, folders = objective(), {}
    for name in names:
        made._run_context = RunContext(
            run_output_base=tmp_path,
            dataset_name=name,
            objective_name="task",
            solver_name="nmf",
            repetition=0,
        )
        folders[name] = made.get_run_output_path()
    assert all(folder.is_dir() for folder in folders.values())
    assert len(set(folders.values())) == len(names)
    plain = tmp_path / "mini[part=piano]" / "task" / "nmf" / "rep_0"
    assert folders["mini[part=piano]"] == plain


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("amt", {}),
        ("mss", {"phase": "mixture"}),
        ("msa", {"feature": "stft", "segmentation": "cbm", "bars": "heard"}),
    ],
)
def test_every_objective_takes_whatever_keys_a_corpus_has(tracks, path, parameters):
    made = plugin(f"objectives/{path}.py", **parameters)
    made.set_data(train=tracks, test=tracks, licence="CC0", chords=[])
    assert [r.id for r in made.task.test] == ["one", "two"]
    assert made.task.train == tracks


# whatever goes wrong costs a row

WHATEVER = [ValueError, KeyError, MemoryError, ZeroDivisionError, OSError, TypeError]


def failing(error):
    """A function that only fails, in the place of a file."""
    raise error("array is too big")


@pytest.mark.parametrize("error", WHATEVER)
@pytest.mark.parametrize("name", ["notes", "beats", "sections", "chords", "audio"])
def test_whatever_a_reader_raises_is_told_as_a_fault_of_its_input(name, error):
    read = partial(failing, error)
    track = Track("song", {"mixture": read}, **{f"{n}_from": read for n in ANNOTATIONS})
    with pytest.raises(InputError, match=rf"{error.__name__}: .*array is too big"):
        getattr(track, name)() if name == "audio" else getattr(track, name)


ANNOTATIONS = ("notes", "beats", "sections", "chords")


@pytest.mark.parametrize("error", WHATEVER)
def test_a_file_that_no_reader_expects_is_named(tmp_path, error, monkeypatch):
    file = tmp_path / "song.wav"
    file.write_bytes(b"RIFF")
    monkeypatch.setattr(audio, "_describe", lambda *_: failing(error))
    with pytest.raises(InputError, match=r"song\.wav: .*array is too big"):
        Track("song", {"mixture": file}).audio()


class Fails(Lengths):
    """Fails on the recording "one"."""

    name = "fails"

    def score(self, track, answer):
        if track.id == "one" and "score" in answer:
            failing(answer["score"])
        return {"value": 0.5}

    def save(self, track, estimate, folder):
        if track.id == "one" and "save" in estimate.answer:
            failing(estimate.answer["save"])

    def interpret(self, track, estimate):
        if track.id == "one" and "interpret" in estimate.answer:
            failing(estimate.answer["interpret"])
        return {"purity": 0.25}

    def _folder(self, track):
        return Path("saved") / track.id

    def _relative(self, folder):
        return folder.as_posix()


@pytest.mark.parametrize("error", WHATEVER)
@pytest.mark.parametrize("where", ["score", "save", "interpret"])
def test_whatever_scoring_or_saving_raises_costs_its_own_row(tracks, where, error):
    made = Fails.get_instance(unit="s")
    made.references = {track.id: track for track in tracks}
    for track in tracks:
        track.__dict__ |= {"duration": 1.0, "ends_early": ""}
    estimates = {track.id: Estimate({where: error}) for track in tracks}
    one, two = made.evaluate_result(estimates)
    assert one["error"].startswith(f"one: {error.__name__}: ")
    assert (two["value"], two["error"], two["files"]) == (0.5, "", "saved/two")
    # what can't be kept is scored, and what can't be scored is kept
    assert (one["value"] == 0.5) == (where != "score")
    assert (one["files"] == "saved/one") == (where != "save")
    assert (one.get("purity") == two["purity"]) == (where != "interpret")


@given(st.lists(st.text("/a;%3B25 ü", min_size=1)))
def test_paths_come_out_of_a_cell_as_they_went_in(paths):
    assert split_paths(join_paths(paths)) == paths


def test_a_row_names_the_files_that_it_is_of(tmp_path):
    files = [tmp_path / name for name in ("a;b 100%.wav", "ü.wav")]
    track = Track("one", dict(zip("ab", files, strict=True)))
    made = objective()
    made.references = {"one": track}
    (row,) = made.evaluate_result({"one": Estimate(error="silent")})
    assert split_paths(row["audio"]) == [str(file) for file in files]


@pytest.mark.parametrize("error", WHATEVER)
def test_downbeats_that_cannot_be_read_cost_their_own_row(tracks, error):
    made = plugin(
        "objectives/msa.py", feature="stft", segmentation="cbm", bars="annotated"
    )
    broken = replace(tracks[0], beats_from=partial(failing, error))
    made.set_data(train=[], test=[broken, tracks[1]])
    for track in (broken, tracks[1]):
        track.__dict__["duration"] = 1.0
    with pytest.raises(InputError, match="array is too big"):
        made.task.bars(made.task.test[0])
    assert made.task.downbeats["two"] is None
