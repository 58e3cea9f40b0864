"""What a user has said and chosen: it can be undone, and read again tomorrow."""

import json

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from musaic_core.data.errors import InputError
from musaic_core.data.hints import Hint
from musaic_core.studio.changes import changed
from musaic_core.studio.saved import read_work, write_work
from musaic_core.studio.work import History, Mix, Work

INDEX = st.integers(0, 6)
CHANGES = st.one_of(
    st.fixed_dictionaries({"component": INDEX, "name": st.text(max_size=5)}),
    st.fixed_dictionaries(
        {"component": INDEX | st.lists(INDEX), "gain": st.floats(0, 10)}
    ),
    st.fixed_dictionaries(
        {"merge": st.lists(INDEX, min_size=2, max_size=4)},
        optional={"name": st.text(max_size=5)},
    ),
    st.fixed_dictionaries(
        {
            "hint": st.fixed_dictionaries(
                {
                    "label": st.integers(21, 108) | st.just("bass"),
                    "start": st.floats(0, 9),
                    "end": st.floats(10, 20),
                    "sounds": st.booleans(),
                }
            )
        }
    ),
)


def after(changes):
    """A history of changes, and each work on the way."""
    history, works = History(Work("notes", "nmf")), [Work("notes", "nmf")]
    for change in changes:
        history.change(changed(history.now, change))
        if history.now != works[-1]:
            works.append(history.now)
    return history, works


@for_all(st.lists(CHANGES, max_size=8))
def test_undo_and_redo_go_through_all_states_and_no_others(changes):
    history, works = after(changes)
    for work in reversed(works):
        assert history.now == work
        assert history.can_undo == (work is not works[0])
        history.undo()
    for work in works[1:]:
        assert history.can_redo
        history.redo()
        assert history.now == work
    assert not history.can_redo


@for_all(st.lists(CHANGES, max_size=8))
def test_what_is_written_is_read_again(tmp_path_factory, changes):
    history, _ = after(changes)
    file = tmp_path_factory.mktemp("saved") / "song.studio.json"
    write_work(file, history.now, "song.mp3")
    assert read_work(file) == (history.now, "song.mp3")


@for_all(st.lists(CHANGES, max_size=8))
def test_components_that_are_one_have_one_gain_and_one_name(changes):
    mix = after(changes)[0].now.mix
    for group in mix.merged:
        assert len(group) > 1
        assert len({mix.gains.get(i, 1.0) for i in group}) == 1
        assert len({mix.names.get(i) for i in group}) == 1
        assert all(mix.group(i) == group for i in group)


def test_the_first_of_two_that_become_one_gives_name_and_gain():
    mix = Mix().named(1, "hat").at_gain(1, 0.5).named(2, "snare").at_gain(3, 2.0)
    mix = mix.merge(1, 2).merge(1, 3)
    assert mix.merged == ((1, 2, 3),)
    assert mix.names == dict.fromkeys((1, 2, 3), "hat")
    assert mix.gains == dict.fromkeys((1, 2, 3), 0.5)
    assert mix.merge(2, 3) == mix
    assert mix.split(2) == Mix(gains=mix.gains)  # three hats would be one too many


def test_each_model_has_a_mix_of_its_own():
    work = Work("notes", "nmf").with_mix(Mix().at_gain(0, 0.0))
    other = Work("notes", "filtered_nmf", mixes=work.mixes)
    assert other.mix == Mix()
    assert work.mix.gains == {0: 0.0}


def test_a_note_is_moved_in_one_step():
    said = {"label": 60, "start": 1.0, "end": 2.0, "sounds": True}
    work = changed(Work("notes", "nmf", (Hint(60, 3.0, 4.0, True),)), {"hint": said})
    moved = changed(work, {"unhint": 0, "hint": [{**said, "label": 61}]})
    assert [hint.label for hint in moved.hints] == [60, 61]
    assert moved.hints[0].start == 1.0


@pytest.mark.parametrize(
    "text",
    ["", "[]", "7", "{}", '{"question": "notes"}', "\xff"],
)
def test_a_file_that_is_no_work_is_told(tmp_path, text):
    file = tmp_path / "song.studio.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"song.studio.json: is no saved work"):
        read_work(file)


def test_a_gain_that_no_one_could_have_chosen_is_no_work(tmp_path):
    file = tmp_path / "song.studio.json"
    write_work(file, Work("notes", "nmf").with_mix(Mix().at_gain(0, 2.0)), "song.mp3")
    said = json.loads(file.read_text(encoding="utf-8"))
    said["mixes"]["notes nmf"]["gains"]["0"] = 1e9
    file.write_text(json.dumps(said), encoding="utf-8")
    with pytest.raises(InputError, match="from 0 to 10"):
        read_work(file)


def test_components_are_counted_from_0_in_a_work(tmp_path):
    file = tmp_path / "song.studio.json"
    write_work(file, Work("notes", "nmf").with_mix(Mix({-1: "hat"})), "song.mp3")
    with pytest.raises(InputError, match="from 0 on"):
        read_work(file)
