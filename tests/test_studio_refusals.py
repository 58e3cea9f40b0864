"""What the studio refuses, each in one line, and goes on."""

import io
import json
import threading
import time

import numpy as np
import pytest
import soundfile
from studios import ADDRESS, Page, tune

from musaic_core.studio import asked
from musaic_core.studio.analysis import LONGEST

pytest_plugins = ["studios"]
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx`")


def test_a_file_that_cannot_be_read_is_told_in_a_line(client):
    for data in (b"", b"no sound", tune()[0][:40]):
        failed = client.post("/api/recordings?name=broken.wav", content=data)
        assert failed.status_code == 422
        assert "broken.wav" in failed.json()["error"]
        assert "\n" not in failed.json()["error"]
    assert client.get("/api/choices").status_code == 200
    assert client.app.state.studio.sessions == {}


def test_an_error_names_the_file_as_its_user_does(client):
    failed = client.post("/api/recordings?name=broken.wav", content=b"no sound")
    assert failed.json()["error"].startswith("broken.wav: ")


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


def test_an_analysis_can_be_stopped_and_asked_for_again(page, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    real = asked.analyse

    def slow(*args, **options):
        begun.set()
        go_on.wait(10)
        return real(*args, **options)

    monkeypatch.setattr(asked, "analyse", slow)
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
        {"host": "example.com@127.0.0.1:8765"},
        [("origin", ADDRESS), ("origin", "http://example.com")],
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
    assert running["of"] == 3600 / LONGEST
    assert "stopped" in page.post("stop").json()["error"]


@pytest.mark.parametrize(
    "change",
    [
        {"component": 10_000, "gain": 0},
        {"component": 10_000, "name": "hat"},
        {"merge": [0, 10_000]},
    ],
)
def test_components_that_the_model_has_not_are_none(page, change):
    page.ask()
    before = page.state()
    failed = page.post("change", {"version": before["version"], "change": change})
    assert failed.status_code == 422
    assert "component is 10000; the model has" in failed.json()["error"]
    assert page.state() == before


def test_what_has_no_components_is_told_so(page):
    page.ask("sections", "barwise_ssm")
    for path in ("levels", "components", "export/mix.flac"):
        told = page.get(path)
        assert told.status_code == 422
        assert "no components" in told.json()["error"]


def test_nothing_is_exported_before_something_is_asked(page):
    for what in ("notes.mid", "mix.flac", "stems.zip"):
        assert page.post(f"export/{what}").status_code == 422
    assert page.get("export/hints.json").json() == []
