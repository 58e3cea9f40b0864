"""The studio's server: what it answers, what it refuses, and what it never loses."""

import errno
import io
import json
import subprocess
import sys
import threading
import time
import urllib.request
import zipfile

import numpy as np
import pytest
import soundfile
from conftest import ROOT
from starlette.testclient import TestClient
from studios import SR, Page, little, tune

from musaic_core.data.hints import read_hints
from musaic_core.data.notes import read_midi
from musaic_core.studio import kept, models, session
from musaic_core.studio.server import make_app

ADDRESS = "http://127.0.0.1:8765"
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx`")


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """Questions that learn from little, and once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept, "FOLDER", tmp_path_factory.mktemp("kept"))
        patch.setattr(models, "from_mini", little)
        yield models.questions()


@pytest.fixture
def client(learned, tmp_path, monkeypatch):
    monkeypatch.setattr("musaic_core.studio.home.questions", lambda: learned)
    with TestClient(make_app(tmp_path), base_url=ADDRESS) as made:
        yield made


@pytest.fixture
def page(client):
    return Page(client, tune()[0])


# notes


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


# components


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


def sound_of(answered):
    assert answered.status_code == 200, answered.text
    return soundfile.read(io.BytesIO(answered.content))[0]


# stems and sections


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


# what is kept


def test_saved_work_is_there_tomorrow(client, learned, tmp_path, monkeypatch):
    page = Page(client, tune()[0])
    page.ask()
    page.change(hint={"label": 90, "start": 1.0, "end": 2.0, "sounds": True})
    before = page.change(component=3, name="hat")
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


def test_a_full_disk_leaves_the_work_that_was_there(page, tmp_path, monkeypatch):
    page.ask()
    page.post("save")
    was = (tmp_path / "tune.studio.json").read_bytes()
    page.change(component=3, name="hat")

    def full(file, *_):
        file.write_text("{", encoding="utf-8")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(session, "written", full)
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


# what goes wrong


def test_a_file_that_cannot_be_read_is_told_in_a_line(client):
    for data in (b"", b"no sound", tune()[0][:40]):
        failed = client.post("/api/recordings?name=broken.wav", content=data)
        assert failed.status_code == 422
        assert "broken.wav" in failed.json()["error"]
        assert "\n" not in failed.json()["error"]
    assert client.get("/api/choices").status_code == 200
    assert client.app.state.studio.sessions == {}


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


def test_an_error_names_the_file_as_its_user_does(client):
    failed = client.post("/api/recordings?name=broken.wav", content=b"no sound")
    assert failed.json()["error"].startswith("broken.wav: ")


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


def test_there_is_nothing_to_undo_before_something_is_asked(page):
    shown = page.ask()["notes"]
    assert not page.state()["can_undo"]
    page.post("undo")
    assert page.answer()["notes"] == shown


@pytest.mark.parametrize(
    "hint",
    [
        {"label": "lute", "start": 1, "end": 2},
        {"label": 300, "start": 1, "end": 2},
        {"label": 60, "start": 8.5, "end": 9},
        {"label": 60, "start": 1, "end": 1e9},
    ],
)
def test_what_the_recording_has_not_is_no_hint_of_it(page, hint):
    page.ask()
    change = {"hint": {**hint, "sounds": True}}
    version = page.state()["version"]
    failed = page.post("change", {"version": version, "change": change})
    assert failed.status_code == 422
    assert page.state()["hints"] == []


def test_half_a_character_in_a_name_is_refused_and_the_work_goes_on(page):
    page.ask()
    change = {"component": 0, "name": "\ud800"}
    said = json.dumps({"version": page.state()["version"], "change": change})
    assert page.client.post(f"{page.url}/change", content=said).status_code == 422
    assert page.post("save").status_code == 200


def test_numbers_and_names_of_no_use_are_told(page):
    page.ask()
    for stretch in ("start=0&end=nan", "start=nan", "start=2&end=1"):
        assert page.get(f"components?{stretch}").status_code == 422
    for file in ([], {}, None, 3):
        told = page.client.post("/api/works", json={"file": file})
        assert told.status_code == 404


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


def test_an_analysis_can_be_stopped_and_asked_for_again(page, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    real = session.analyse

    def slow(*args, **options):
        begun.set()
        go_on.wait(10)
        return real(*args, **options)

    monkeypatch.setattr(session, "analyse", slow)
    page.post("ask", {"question": "notes", "model": "nmf"})
    assert begun.wait(10)
    stopped = page.post("stop").json()
    assert stopped["running"] is None
    assert "stopped" in stopped["error"]
    go_on.set()
    time.sleep(0.2)
    assert not page.state()["answered"]
    assert len(page.ask()["notes"]) > 5


@pytest.mark.parametrize(
    "change",
    [
        None,
        7,
        {},
        {"hint": 3},
        {"hint": {"label": 60, "start": 2, "end": 1, "sounds": True}},
        {"unhint": 0},
        {"unhint": True},
        {"component": 0},
        {"component": -1, "gain": 1},
        {"component": 0, "gain": float("1e9")},
        {"component": 0, "gain": "loud"},
        {"component": 0, "name": 5},
        {"merge": [0]},
        {"merge": "ab"},
    ],
)
def test_what_is_no_change_changes_nothing(page, change):
    before = page.state()
    failed = page.post("change", {"version": before["version"], "change": change})
    assert failed.status_code == 422
    assert failed.json()["error"]
    assert page.state() == before


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"[" * 100_000, b"\xff", b'{"a": NaN}']
)
def test_json_that_is_broken_is_told(page, body):
    failed = page.client.post(f"{page.url}/ask", content=body)
    assert failed.status_code == 422
    huge = page.client.post(f"{page.url}/ask", content=b" " * (2**20 + 1))
    assert huge.status_code == 413


# who may ask, and for what


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://example.com"},
        {"origin": "null"},
        {"origin": "https://127.0.0.1:8765"},
        {"origin": "http://127.0.0.1:9999"},
        {"host": "example.com"},
        {"host": "127.0.0.1:9999"},
        {"host": "127.0.0.1.example.com:8765"},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_other_origins_are_refused(client, headers):
    for method, path in (("GET", "/"), ("GET", "/api/choices"), ("POST", "/api/works")):
        assert client.request(method, path, headers=headers).status_code == 403


def test_the_own_page_is_answered_and_may_load_nothing_else(client):
    for host in ("127.0.0.1:8765", "localhost:8765"):
        headers = {"host": host, "origin": f"http://{host}"}
        answered = client.get("/", headers=headers)
        assert answered.status_code == 200
        policy = answered.headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self';" in policy
        assert "unsafe-eval" not in policy


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/%2e%2e/server.py",
        "/static/shared/..%2f..%2fpublish/site.py",
        "/api/recordings/none/state",
    ],
)
def test_no_other_file_is_given(client, path):
    assert client.get(path).status_code == 404


def test_paths_in_names_lead_nowhere(client, page, tmp_path):
    assert (
        client.post("/api/works", json={"file": "../x.studio.json"}).status_code == 404
    )
    assert page.get("export/..%2f..%2fsecret").status_code in (404, 422)
    other = Page(client, tune()[0], "../../up.wav")
    assert other.opened["name"] == "up.wav"
    other.post("save")
    assert (tmp_path / "up.wav").exists()
    assert not (tmp_path.parent / "up.wav").exists()


@pytest.mark.slow
def test_an_hour_is_analysed_in_parts_and_can_be_stopped(client):
    second = np.frombuffer(tune(10.0, 8000)[0][44:], np.int16)
    file = io.BytesIO()
    soundfile.write(file, np.tile(second, 360), 8000, format="WAV")
    page = Page(client, file.getvalue(), "hour.wav")
    assert page.opened["duration"] == pytest.approx(3600)
    page.post("ask", {"question": "notes", "model": "nmf"})
    while not (running := page.state()["running"]) or running["part"] < 2:
        time.sleep(0.2)
    assert running["of"] == 120
    assert "stopped" in page.post("stop").json()["error"]


def test_the_command_opens_a_recording_and_answers_at_the_address_it_prints(tmp_path):
    (tmp_path / "tune.wav").write_bytes(tune(1.0)[0])
    command = [sys.executable, "-m", "musaic_core.studio", "--port", "0"]
    with subprocess.Popen(
        [*command, "--no-browser", str(tmp_path / "tune.wav")],
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
    ) as process:
        try:
            address = process.stdout.readline().split()[0]
            assert address.startswith("http://127.0.0.1:")
            with urllib.request.urlopen(f"{address}/api/choices", timeout=60) as told:
                choices = json.loads(told.read())
        finally:
            process.terminate()
    assert choices["folder"] == str(tmp_path)
    assert choices["opened"]


def test_the_command_says_what_is_wrong_with_a_file(tmp_path):
    command = [sys.executable, "-m", "musaic_core.studio", "--no-browser"]
    for name, text in (("none.wav", None), ("broken.wav", b"no sound")):
        if text is not None:
            (tmp_path / name).write_bytes(text)
        failed = subprocess.run(
            [*command, str(tmp_path / name)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=ROOT,
        )
        assert failed.returncode == 1
        assert name in failed.stderr
        assert "Traceback" not in failed.stderr
