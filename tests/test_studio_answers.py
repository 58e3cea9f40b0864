"""What the studio shows, plays and exports of an answer, and what undo gives back."""

import gc
import io
import json
import weakref
import zipfile

import numpy as np
import pytest
import soundfile
from studios import SR

from musaic_core.data.hints import read_hints
from musaic_core.data.notes import compare, read_midi
from musaic_core.studio import answers, asked

pytest_plugins = ["studios"]
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx`")


def test_a_recording_is_transcribed_and_corrections_hold(page):
    shown = page.ask()
    assert len(shown["notes"]) > 5
    onset, offset, pitch = shown["notes"][2]
    denied = {"label": pitch, "start": onset, "end": offset, "sounds": False}
    drawn = {"label": 90, "start": 1.25, "end": 2.0, "sounds": True}
    corrected = page.change(hint=[denied, drawn])
    assert [1.25, 2.0, 90] in corrected["notes"]
    assert [1.25, 2.0, 90] in corrected["changed"]["added"]
    assert not any(
        p == pitch and abs(on - onset) < 0.05 for on, _, p in corrected["notes"]
    )


def test_undo_gives_the_state_before_to_the_bit_and_redo_that_after(page):
    def seen(answer):
        gone = {"version", "levels", "changed"}
        state = page.state()
        said = {k: state[k] for k in ("question", "model", "hints", "mixes")}
        return said, {k: v for k, v in answer.items() if k not in gone}

    states = [seen(page.ask())]
    onset, offset, pitch = page.answer()["notes"][0]
    said = {"label": pitch, "start": onset, "end": offset, "sounds": False}
    states.append(seen(page.change(hint=said)))
    states.append(seen(page.change(hint={**said, "label": 88, "sounds": True})))
    states.append(seen(page.change(component=0, gain=0.5)))
    states.append(seen(page.change(unhint=0)))
    for before in reversed(states[:-1]):
        page.post("undo")
        assert seen(page.answer()) == before
    for after in states[1:]:
        page.post("redo")
        assert seen(page.answer()) == after


def test_the_answer_depends_on_what_was_said_and_not_on_the_order(page):
    page.ask()
    first = {"label": 60, "start": 0.1, "end": 0.4, "sounds": False}
    second = {"label": 64, "start": 0.6, "end": 0.9, "sounds": True}
    page.change(hint=first)
    stepwise = page.change(hint=second)["notes"]
    page.change(unhint=[0, 1])
    assert page.change(hint=[first, second])["notes"] == stepwise


def test_what_is_exported_is_what_is_shown(page, tmp_path):
    shown = page.ask()["notes"]
    (tmp_path / "shown.mid").write_bytes(page.get("export/notes.mid").content)
    table = read_midi(tmp_path / "shown.mid").table()
    np.testing.assert_allclose(sorted(table.tolist()), sorted(shown), atol=2e-3)
    said = {"label": 60, "start": 0.1, "end": 0.4, "sounds": False}
    page.change(hint=said)
    file = tmp_path / "tune.hints.json"
    exported = page.get("export/hints.json")
    assert "tune.hints.json" in exported.headers["content-disposition"]
    file.write_bytes(exported.content)
    assert [vars(h)["label"] for h in read_hints(file)] == [60]
    assert page.state()["hints"] == [said]


def test_components_are_muted_merged_and_named_and_heard(page):
    shown = page.ask()["components"]
    assert {"index", "name", "pitch", "loudness", "gain", "merged"} <= set(shown[0])
    loudest = sorted(shown, key=lambda c: -c["loudness"])[:2]
    first, second = (component["index"] for component in loudest)
    page.change(merge=[first, second], name="mine")
    undone = page.post("undo").json()  # one step
    assert not any(mix["merged"] or mix["names"] for mix in undone["mixes"].values())
    page.post("redo")
    muted = page.change(component=second, gain=0)["components"]
    (both,) = (c for c in muted if c["index"] in (first, second))
    assert (both["name"], both["gain"]) == ("mine", 0.0)
    assert [both["index"], *both["merged"]] == sorted([first, second])
    y = sound_of(page.get("audio"))
    quieter = sound_of(page.get("components"))
    assert np.square(quieter).sum() < 0.95 * np.square(y).sum()
    rest = {str(first): 1, str(second): 1, "rest": 0}
    alone = sound_of(page.get(f"components?gains={json.dumps(rest)}"))
    # what is heard with them muted and what is heard of them alone are all of it
    assert np.abs(quieter + alone - y).max() < 1e-3
    part = sound_of(page.get(f"components?gains={json.dumps(rest)}&start=1.3&end=2"))
    whole = alone[round(1.3 * SR) : 2 * SR]
    assert part.shape == whole.shape
    assert np.abs(part - whole).max() < 1e-3
    assert page.get("components?start=3&end=2").status_code == 422
    split = page.change(unmerge=first)["components"]
    assert {first, second} <= {c["index"] for c in split}
    levels = page.get("levels").content
    header, data = levels.split(b"\n", 1)
    n, n_rows, n_columns = json.loads(header)["shape"]
    assert len(data) == n * (n_rows + n_columns)


def test_what_is_too_long_is_never_heard_as_a_whole(page, monkeypatch):
    monkeypatch.setattr(asked, "LONGEST", 3.0)
    monkeypatch.setattr(asked, "WHOLE", 3.0)
    session = page.client.app.state.studio.sessions[page.opened["id"]]

    def parts():
        assert not page.state()["quick"]
        return len(session.shown().analysis.parts)

    page.ask()
    assert page.state()["quick"]
    first = page.sure_answer()
    assert first["sure"] == {"added": 0, "removed": 0}  # nor is it heard twice
    assert parts() == 3
    page.change(hint={"label": 76, "start": 1.0, "end": 1.5, "sounds": True})
    assert page.state()["quick"]
    told = page.sure_answer()["notes"]
    assert parts() == 3
    page.post("undo")
    assert page.sure_answer()["notes"] == first["notes"]
    page.post("redo")
    assert page.sure_answer()["notes"] == told


def test_all_components_are_muted_in_one_step(page):
    shown = page.ask()["components"]
    muted = page.change(component=[c["index"] for c in shown], gain=0)["components"]
    assert [c["gain"] for c in muted] == [0] * len(shown)
    page.post("undo")
    assert page.answer()["components"] == shown


def test_components_are_told_apart_by_how_high_they_sound(page):
    shown = page.ask("notes")["components"]
    pitches = [c["pitch"] for c in shown if c["pitch"]]
    centres = [c["centre"] for c in shown if c["pitch"]]
    assert np.corrcoef(pitches, np.log(centres))[0, 1] > 0.5
    first, second = (
        c["index"] for c in sorted(shown, key=lambda c: -c["loudness"])[:2]
    )
    between = sorted(c["centre"] for c in shown if c["index"] in (first, second))
    merged = page.change(merge=[first, second])["components"]
    (both,) = (c for c in merged if c["index"] in (first, second))
    assert between[0] <= both["centre"] <= between[1]


def test_a_mix_is_exported_as_it_is_now(page):
    shown = page.ask()["components"]
    whole = sound_of(page.get("export/mix.flac"))
    page.change(component=[c["index"] for c in shown], gain=0)
    silent = sound_of(page.get("export/mix.flac"))
    assert np.abs(silent).max() < 0.1 * np.abs(whole).max()
    page.post("undo")
    np.testing.assert_array_equal(sound_of(page.get("export/mix.flac")), whole)


def sound_of(answered):
    assert answered.status_code == 200, answered.text
    return soundfile.read(io.BytesIO(answered.content))[0]


def test_a_stem_that_is_said_to_be_silent_is(page):
    shown = page.ask("stems")
    name = shown["stems"][1]["name"]
    said = {"label": name, "start": 2.0, "end": 4.0, "sounds": False}
    corrected = page.change(hint=said)
    y = sound_of(page.client.get(corrected["stems"][1]["audio"]))
    assert np.abs(y[int(2.2 * SR) : int(3.8 * SR)]).max() < 1e-3
    archive = zipfile.ZipFile(io.BytesIO(page.get("export/stems.zip").content))
    stems = [archive.read(file) for file in archive.namelist()]
    heard = [page.client.get(stem["audio"]).content for stem in corrected["stems"]]
    assert stems == heard
    total = sum(soundfile.read(io.BytesIO(stem))[0] for stem in stems)
    assert np.abs(total - sound_of(page.get("audio"))).max() < 1e-3


def test_a_stretch_of_the_recording_and_of_a_stem_is_what_all_of_it_has_there(page):
    stems = page.ask("stems")["stems"]
    for path in ("audio?", *(stem["audio"].split("/", 4)[4] + "&" for stem in stems)):
        whole, _ = soundfile.read(io.BytesIO(page.get(path).content))
        for start, end in ((0, 2), (1.5, 3.25), (7, 20)):
            part = page.get(f"{path}start={start}&end={end}").content
            y, rate = soundfile.read(io.BytesIO(part))
            assert rate == SR
            assert np.array_equal(y, whole[round(start * SR) : round(end * SR)])
        assert page.get(f"{path}start=8.5&end=9").status_code == 422  # after its end
    assert page.get("stems/lute?start=0&end=1").status_code == 422
    session = page.client.app.state.studio.sessions[page.opened["id"]]
    assert not list(session.temporary.glob("passing*"))


def test_what_is_made_of_an_answer_is_there_as_long_as_the_answer(page):
    page.ask("stems")
    session = page.client.app.state.studio.sessions[page.opened["id"]]
    first = answers.stem_file(session, "bass")
    page.change(hint={"label": "bass", "start": 1.0, "end": 2.0, "sounds": False})
    second = answers.stem_file(session, "bass")
    assert second != first
    assert first.exists()  # for a page that is being sent it, and after undo
    page.post("undo")
    page.answer()
    assert answers.stem_file(session, "bass") == first
    session.rest()
    gc.collect()
    assert not first.exists()
    assert not second.exists()


def test_a_recording_that_is_let_go_leaves_no_answer_in_memory(page):
    page.ask("stems")
    sessions = page.client.app.state.studio.sessions
    answers.stem_file(sessions[page.opened["id"]], "bass")
    analysis = weakref.ref(sessions[page.opened["id"]].analysis)
    sessions.clear()
    gc.collect()
    assert analysis() is None


def test_stems_are_made_anew_with_what_was_said_and_not_by_another_model(page):
    assert not page.ask("stems")["changed"]["again"]
    name = page.answer()["stems"][0]["name"]
    said = {"label": name, "start": 2.0, "end": 4.0, "sounds": False}
    assert page.change(hint=said)["changed"]["again"]
    assert not page.ask("notes")["changed"]["again"]


def test_what_is_exported_is_sure_and_shown(page, tmp_path):
    page.ask()
    said = {"label": 76, "start": 1.0, "end": 1.5, "sounds": True}
    corrected = page.change(hint=said)
    assert corrected["sure"] is None
    assert page.state()["quick"]
    assert page.post("export/notes.mid").status_code == 200
    assert not page.state()["quick"]
    answer = page.answer()
    assert answer["changed"]["added"]  # by what was said
    differ = compare(np.array(answer["notes"]), np.array(corrected["notes"]))
    told = {"added": len(differ["wrong"]), "removed": len(differ["missed"])}
    assert answer["sure"] == told  # by this
    (tmp_path / "shown.mid").write_bytes(page.get("export/notes.mid").content)
    table = read_midi(tmp_path / "shown.mid").table()
    shown = page.answer()["notes"]
    np.testing.assert_allclose(sorted(table.tolist()), sorted(shown), atol=2e-3)
    # undo and redo come back to it
    page.post("undo")
    page.answer()
    page.post("redo")
    assert page.answer()["notes"] == shown
    assert not page.state()["quick"]
