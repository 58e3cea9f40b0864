"""Networks hear any recording: short, soft, in one channel or two."""

import numpy as np
import pytest
import soundfile
from solving import plugin

from musaic_core.data.recording import Track
from musaic_core.tasks.separation.task import Separation
from musaic_core.tasks.transcription.task import Transcription

TRANSCRIBERS = "note_cnn", "deep_salience", "onsets_and_frames", "hft"
SEPARATORS = [
    *("unet", "open_unmix", "deep_clustering", "conv_tasnet", "wave_unet"),
    "unet[masks=complex]",
]
of_any_kind = pytest.mark.parametrize("n_channels", [1, 2])
at_least = pytest.mark.parametrize("seconds", [0.2, 1.0])
loud_or_soft = pytest.mark.parametrize("gain", [1e-6, 0.3])


@pytest.fixture
def track(tmp_path, n_channels, seconds, gain):
    rng = np.random.default_rng(0)
    y = gain * rng.uniform(-1, 1, (int(seconds * 22050), n_channels))
    soundfile.write(tmp_path / "song.wav", y, 22050, subtype="FLOAT")
    return Track("song", {"mixture": tmp_path / "song.wav"})


def says(solver, task, track, **more):
    """What a solver says of a track with the weights that training begins with."""
    solver.set_task(task)
    solver.prepare()
    told = [task.frequencies] if "frequencies" in more else []
    told += [len(task.labels)] if task.answers == "stems" else []
    weights = solver.network(*told).state_dict()
    state = {name: weight.numpy() for name, weight in weights.items()} | more
    return solver.predict(track, state, solver.given_of(track))


@of_any_kind
@at_least
@loud_or_soft
@pytest.mark.parametrize("name", TRANSCRIBERS)
def test_saliences_are_probabilities(name, track):
    task = Transcription([], [track])
    solver = plugin(f"solvers/{name}.py")
    heard = says(solver, task, track, frequencies=task.frequencies)
    for salience in (heard.level, heard.onset):
        if salience is not None:
            assert salience.shape == (88, task.represent(track).shape[1])
            assert ((salience >= 0) & (salience <= 1)).all()


@of_any_kind
@at_least
@loud_or_soft
@pytest.mark.parametrize("labels", [["vocals", "rest"], list("abcd")])
@pytest.mark.parametrize("name", SEPARATORS)
def test_stems_sum_to_the_recording(name, labels, track):
    task = Separation([], [track], labels)
    name, _, is_complex = name.partition("[")
    solver = plugin(f"solvers/{name}.py", **{"masks": "complex"} if is_complex else {})
    more = {"frequencies": task.frequencies} if solver.describes else {}
    stems = says(solver, task, track, **more)
    if solver.describes:
        stems, _ = task.tune(None)(stems, track)
    assert list(stems) == labels
    np.testing.assert_allclose(sum(stems.values()), track.audio()[0], atol=1e-4)
