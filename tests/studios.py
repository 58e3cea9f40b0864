"""A studio that learns from little, and what tests do in it."""

import io
import time

import numpy as np
import pytest
import soundfile
from starlette.testclient import TestClient

from musaic_core.benchmark.corpora import from_mini
from musaic_core.studio import kept, models
from musaic_core.studio.server import make_app

SR = 22050
ADDRESS = "http://127.0.0.1:8765"


@pytest.fixture(scope="session")
def learned(tmp_path_factory):
    """Questions that learn from little, and once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept, "FOLDER", tmp_path_factory.mktemp("kept"))
        patch.setattr(models, "from_mini", little)
        yield models.questions()


@pytest.fixture
def client(learned, tmp_path, monkeypatch):
    monkeypatch.setattr("musaic_core.studio.home.questions", lambda: learned)
    monkeypatch.setattr("musaic_core.studio.left.FOLDER", tmp_path)
    with TestClient(make_app(tmp_path), base_url=ADDRESS) as made:
        yield made


@pytest.fixture
def page(client):
    return Page(client, tune()[0])


def little(part):
    """Of what may be learned from, so much that a test need not wait."""
    found = from_mini(part)
    return {"train": found["train"][:2], "isolated": found["isolated"][:2]}


def tune(seconds=8.0, sr=SR):
    """A melody of harmonic tones as the bytes of a WAV file, and its notes."""
    notes = [60, 64, 67, 72, 71, 67, 62, 65]
    t = np.arange(round(seconds * sr)) / sr
    y, rows = np.zeros(len(t)), []
    for i in range(int(2 * seconds)):
        pitch, since = notes[i % len(notes)], t - i / 2
        hz = 440 * 2 ** ((pitch - 69) / 12)
        envelope = np.exp(-4 * since) * (since >= 0) * (since < 0.45)
        y += envelope * sum(
            np.sin(2 * np.pi * k * hz * since) / k**2 for k in range(1, 6)
        )
        rows.append((i / 2, i / 2 + 0.45, pitch))
    file = io.BytesIO()
    soundfile.write(file, 0.3 * y / np.abs(y).max(), sr, "PCM_16", format="WAV")
    return file.getvalue(), rows


class Page:
    """What a page does of a recording.

    Parameters
    ----------
    client : TestClient
    data : bytes
        Of the file that is dropped.
    name : str
    """

    def __init__(self, client, data, name="tune.wav"):
        self.client = client
        dropped = client.post(f"/api/recordings?name={name}", content=data)
        assert dropped.status_code == 200, dropped.text
        self.opened = dropped.json()
        self.url = f"/api/recordings/{self.opened['id']}"

    def get(self, path):
        return self.client.get(f"{self.url}/{path}")

    def post(self, path, body=None):
        return self.client.post(f"{self.url}/{path}", json=body or {})

    def state(self):
        return self.get("state").json()

    def answer(self):
        """The answer, once it is there."""
        while (state := self.state())["running"]:
            time.sleep(0.02)
        assert state["error"] is None, state["error"]
        return self.get("answer").json()

    def sure_answer(self):
        """The answer that a benchmark gives."""
        made = self.post("make-sure")
        assert made.status_code == 200, made.text
        return self.answer()

    def ask(self, question="notes", model="nmf"):
        asked = self.post("ask", {"question": question, "model": model})
        assert asked.status_code == 202, asked.text
        return self.answer()

    def change(self, **change):
        changed = {"version": self.state()["version"], "change": change}
        made = self.post("change", changed)
        assert made.status_code == 200, made.text
        return self.answer()
