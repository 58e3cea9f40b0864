"""What the studio keeps of works: all that was said, and no file of anybody else."""

import errno

import pytest
from starlette.testclient import TestClient
from studios import ADDRESS, Page, tune

from musaic_core.studio import home, saved
from musaic_core.studio.server import make_app

pytest_plugins = ["studios"]
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx`")


def test_saved_work_is_there_tomorrow(client, learned, tmp_path, monkeypatch):
    page = Page(client, tune()[0])
    page.ask()
    page.change(hint={"label": 90, "start": 1.0, "end": 2.0, "sounds": True})
    page.change(component=3, name="hat")
    before = page.sure_answer()
    assert list(tmp_path.iterdir()) == []  # nothing is written without being asked for
    page.post("save")
    assert page.state()["saved"]
    names = {"tune.wav", "tune.studio.json", "tune.hints.json"}
    assert {file.name for file in tmp_path.iterdir()} == names
    with TestClient(make_app(tmp_path), base_url=ADDRESS) as again:
        (work,) = again.get("/api/choices").json()["works"]
        opened = again.post("/api/works", json={"file": work["file"]}).json()
        page = Page.__new__(Page)
        page.client, page.url = again, f"/api/recordings/{opened['id']}"
        after = page.answer()
        assert page.state()["saved"]
    for what in ("notes", "components"):
        assert after[what] == before[what]


@pytest.mark.parametrize("dropped", [True, False])
def test_what_was_not_saved_when_a_studio_ended_is_there_in_the_next(
    learned, tmp_path, monkeypatch, dropped
):
    monkeypatch.setattr("musaic_core.studio.home.questions", lambda: learned)
    monkeypatch.setattr("musaic_core.studio.left.FOLDER", tmp_path / "left")
    (tmp_path / "left").mkdir()
    file = tmp_path / "tune.wav"
    with TestClient(make_app(tmp_path), base_url=ADDRESS) as client:
        if not dropped:
            file.write_bytes(tune()[0])
            client.app.state.studio.open(file)
        page = Page(client, tune()[0])
        page.ask()
        page.change(hint={"label": 90, "start": 1.0, "end": 2.0, "sounds": True})
        page.change(component=3, name="hat")
        before = page.sure_answer()
    (kept,) = (tmp_path / "left").iterdir()
    assert file.exists() != dropped
    for again in range(2):  # it is left once more
        with TestClient(make_app(tmp_path), base_url=ADDRESS) as client:
            (unsaved,) = client.get("/api/choices").json()["unsaved"]
            assert unsaved == {"id": page.opened["id"], "name": "tune.wav"}
            page.client = client
            if again:  # by who drops it anew, too
                assert Page(client, tune()[0]).opened["id"] == unsaved["id"]
            assert page.client.get(page.url).json()["name"] == "tune.wav"
            after = page.answer()
            for what in ("notes", "components"):
                assert after[what] == before[what]
            assert not kept.exists()
            assert len(client.get("/api/choices").json()["unsaved"]) == 1
            if again:
                assert page.post("save").status_code == 200
    assert not kept.exists()
    assert file.exists()


def test_nothing_is_kept_of_what_was_undone(learned, tmp_path, monkeypatch):
    monkeypatch.setattr("musaic_core.studio.home.questions", lambda: learned)
    monkeypatch.setattr("musaic_core.studio.left.FOLDER", tmp_path)
    with TestClient(make_app(tmp_path), base_url=ADDRESS) as client:
        page = Page(client, tune(2.0)[0])
        page.ask()
        page.change(hint={"label": 90, "start": 1.0, "end": 2.0, "sounds": True})
        page.post("undo")
    assert list(tmp_path.iterdir()) == []


def test_what_was_not_saved_is_kept_where_it_can_not_be_opened(
    learned, tmp_path, monkeypatch
):
    monkeypatch.setattr("musaic_core.studio.home.questions", lambda: learned)
    monkeypatch.setattr("musaic_core.studio.left.FOLDER", tmp_path)
    with TestClient(make_app(tmp_path), base_url=ADDRESS) as client:
        page = Page(client, tune(2.0)[0])
        component = page.ask()["components"][0]["index"]
        page.change(component=component, name="hat")
    with TestClient(make_app(tmp_path), base_url=ADDRESS) as page.client:

        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("musaic_core.studio.sound.np.save", full)
            failed = page.client.get(page.url)
        assert failed.status_code == 422
        assert "no room" in failed.json()["error"]
        assert page.client.get("/api/choices").json()["unsaved"]
        assert page.client.get(page.url).status_code == 200
        names = [component["name"] for component in page.answer()["components"]]
        assert "hat" in names


def test_a_full_disk_leaves_the_work_that_was_there(page, tmp_path, monkeypatch):
    page.ask()
    page.post("save")
    was = (tmp_path / "tune.studio.json").read_bytes()
    page.change(component=3, name="hat")

    def full(file, *_):
        file.write_text("{", encoding="utf-8")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(saved, "write_work", full)
        failed = page.post("save")
    assert failed.status_code == 422
    assert "No space left" in failed.json()["error"]
    assert "\n" not in failed.json()["error"]
    assert (tmp_path / "tune.studio.json").read_bytes() == was
    assert len(list(tmp_path.iterdir())) == 3
    assert not page.state()["saved"]
    assert page.post("save").status_code == 200
    assert b"hat" in (tmp_path / "tune.studio.json").read_bytes()


def test_another_recording_of_that_name_is_not_replaced(client, tmp_path):
    (tmp_path / "tune.wav").write_bytes(b"mine")
    failed = Page(client, tune()[0]).post("save")
    assert failed.status_code == 422
    assert "tune.wav is another recording" in failed.json()["error"]
    assert (tmp_path / "tune.wav").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a%00b.wav", "a b.wav"),
        ("a%0Ab.wav", "a b.wav"),
        ("%E2%80%AEvaw.wav", "vaw.wav"),
        ("x" * 300 + ".wav", "x" * 196 + ".wav"),
        ("%C3%A9" * 250 + ".wav", "é" * 98 + ".wav"),
        ("no%20suffix", "no suffix"),
    ],
)
def test_a_name_that_disks_do_not_take_becomes_one_that_they_do(
    client, tmp_path, name, kept
):
    page = Page(client, tune(1.0)[0], name)
    assert page.opened["name"] == kept
    assert page.post("save").status_code == 200
    assert (tmp_path / kept).exists()


def test_a_recording_that_is_dropped_again_has_the_work_on_it(page, learned, tmp_path):
    page.ask()
    page.change(component=0, name="hat")
    again = Page(page.client, tune()[0])
    assert again.opened["id"] == page.opened["id"]
    page.post("save")
    with TestClient(make_app(tmp_path), base_url=ADDRESS) as tomorrow:
        after = Page(tomorrow, tune()[0])
        assert after.answer()["components"] == page.answer()["components"]
        assert after.post("save").status_code == 200
        other = Page(tomorrow, tune(4.0)[0])  # of the same name
        assert other.opened["id"] != after.opened["id"]


def test_a_second_page_is_shown_what_the_first_one_is(page):
    page.ask()
    seen = page.client.get(page.url)
    assert seen.status_code == 200
    assert seen.json() == {**page.opened, "work": page.state()}


def test_a_change_of_what_another_page_has_changed_is_refused(page):
    page.ask()
    version = page.state()["version"]
    change = {"version": version, "change": {"component": 0, "gain": 0.5}}
    assert page.post("change", change).status_code == 200
    late = {"version": version, "change": {"component": 0, "gain": 0.1}}
    refused = page.post("change", late)
    assert refused.status_code == 409
    assert "another page" in refused.json()["error"]
    assert page.state()["mixes"]["notes nmf"]["gains"] == {"0": 0.5}


def test_hints_that_somebody_else_has_written_are_put_aside(page, tmp_path):
    page.ask()
    hints, aside = tmp_path / "tune.hints.json", tmp_path / "tune.hints.1.json"
    hints.write_text("mine", encoding="utf-8")
    told = page.post("save").json()["told"]
    assert "tune.hints.json was another's: it is tune.hints.1.json now" in told
    assert aside.read_text("utf-8") == "mine"
    # the studio's own are written anew
    page.change(hint={"label": 60, "start": 0.1, "end": 0.4, "sounds": False})
    assert "another's" not in page.post("save").json()["told"]
    assert len(list(tmp_path.iterdir())) == 4
    # but not what somebody has made of them
    hints.write_text("[]", encoding="utf-8")
    assert "tune.hints.2.json" in page.post("save").json()["told"]


def test_recordings_that_nobody_looks_at_are_let_go_and_no_work_is_lost(client):
    studio = client.app.state.studio
    corrected = Page(client, tune(4.0)[0], "corrected.wav")
    corrected.ask()
    said = {"label": 60, "start": 0.1, "end": 0.4, "sounds": False}
    notes = corrected.change(hint=said)["notes"]
    pages = []
    for i in range(2 * home.AT_ONCE):
        pages.append(Page(client, tune(2.0)[0], f"{i}.wav"))
        pages[-1].ask()
    held = [s for s in studio.sessions.values() if s.analysis is not None]
    assert len(held) <= home.AT_ONCE
    assert len(studio.sessions) <= home.AT_ONCE + 1
    first = pages[0].get("state")
    assert first.status_code == 404
    assert "open it" in first.json()["error"]
    # what was said of the other one is there, and its answer again
    assert client.get(corrected.url).json()["work"]["hints"] == [said]
    assert corrected.sure_answer()["notes"]
    corrected.post("undo")
    corrected.post("redo")
    assert len(corrected.answer()["notes"]) == pytest.approx(len(notes), abs=3)


def test_a_recording_that_a_page_shows_stays(client):
    studio = client.app.state.studio
    page = Page(client, tune(2.0)[0], "shown.wav")
    page.ask()
    studio.sessions[page.opened["id"]].listeners += 1
    for i in range(2 * home.AT_ONCE):
        Page(client, tune(1.0)[0], f"{i}.wav")
    assert page.answer()["notes"]
