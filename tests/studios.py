"""A studio that learns from little, and what tests do in it."""

import io
import time

import numpy as np
import soundfile

from musaic_core.benchmark.corpora import from_mini

SR = 22050


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

    def ask(self, question="notes", model="nmf"):
        asked = self.post("ask", {"question": question, "model": model})
        assert asked.status_code == 202, asked.text
        return self.answer()

    def change(self, **change):
        changed = {"version": self.state()["version"], "change": change}
        made = self.post("change", changed)
        assert made.status_code == 200, made.text
        return self.answer()
