"""Stems that were exported unalike are heard together, as a musician has them."""

import numpy as np
import pytest
import soundfile
from solving import plugin

from musaic_core.data.errors import InputError
from musaic_core.data.recording import Track
from musaic_core.tasks.estimate import Estimate

SR = 8000


def tone(hertz, seconds, sr=SR):
    return 0.2 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * sr)) / sr)


def song(folder, **stems):
    """A track of stems, each samples and their rate."""
    files = {}
    for name, (y, sr) in stems.items():
        files[name] = folder / f"{name}.wav"
        soundfile.write(files[name], np.asarray(y).T, sr, subtype="FLOAT")
    return Track("song", files)


def check_sum(track):
    y, sr = track.audio()
    stems = track.stems()
    assert all(stem.shape == y.shape for stem in stems.values())
    np.testing.assert_allclose(sum(stems.values()), y, atol=1e-6)
    assert sr == track.rate
    assert track.duration == y.shape[1] / sr
    return y, stems


@pytest.mark.parametrize("shorter", [0.001, 0.2, 3.0])
def test_a_stem_that_ends_early_is_silent_from_there_on(shorter, tmp_path):
    bass, lead = tone(110, 5 - shorter), tone(440, 5)
    track = song(tmp_path, bass=(bass, SR), lead=(lead, SR))
    y, stems = check_sum(track)
    np.testing.assert_allclose(stems["lead"][0], lead, atol=1e-6)
    np.testing.assert_allclose(stems["bass"][0, : len(bass)], bass, atol=1e-6)
    assert not stems["bass"][0, len(bass) :].any()
    told = track.ends_early
    assert told == ("bass at 2.0 of 5.0 s" if shorter > 1 else "")
    middle, parts = check_sum(track.amid(2.0))
    np.testing.assert_array_equal(middle, y[:, round(1.5 * SR) : round(3.5 * SR)])
    np.testing.assert_array_equal(
        parts["bass"], stems["bass"][:, round(1.5 * SR) : round(3.5 * SR)]
    )


@pytest.mark.parametrize("sr", [11_025, 16_000, 44_100, 48_000])
def test_a_stem_at_another_rate_is_resampled_to_the_highest(sr, tmp_path):
    track = song(tmp_path, bass=(tone(110, 3), SR), lead=(tone(440, 3, sr), sr))
    _, stems = check_sum(track)
    assert track.rate == sr
    inside = slice(sr // 4, -sr // 4)
    for name, hertz in (("bass", 110), ("lead", 440)):
        wanted = tone(hertz, 3, sr)
        assert stems[name].shape == (1, len(wanted))
        np.testing.assert_allclose(stems[name][0, inside], wanted[inside], atol=2e-3)
    assert track.ends_early == ""


def test_a_stem_of_one_channel_is_heard_in_all(tmp_path):
    bass, lead = tone(110, 2), np.stack([tone(440, 2), tone(660, 2)])
    track = song(tmp_path, bass=(bass, SR), lead=(lead, SR))
    _, stems = check_sum(track)
    np.testing.assert_allclose(stems["bass"], np.stack([bass, bass]), atol=1e-6)
    np.testing.assert_allclose(stems["lead"], lead, atol=1e-6)


def test_two_channels_beside_three_are_refused_by_name(tmp_path):
    track = song(
        tmp_path, bass=(tone(1, 1) * np.ones((2, 1)), SR), lead=(np.ones((3, SR)), SR)
    )
    with pytest.raises(
        InputError, match=r"bass\.wav: it has 2 channels, and another stem 3; export"
    ):
        track.audio()


@pytest.mark.parametrize("task", ["mss", "steering"])
@pytest.mark.parametrize(("shorter", "told"), [(0.01, None), (2, "bass at 6.0 of 8.0")])
def test_unequal_stems_are_scored_and_the_row_says_what_ends_early(
    task, shorter, told, tmp_path, capsys
):
    rng = np.random.default_rng(0)
    made = {
        name: 0.2 * rng.normal(size=(2, round(seconds * sr)))
        for name, sr, seconds in (("bass", SR, 8 - shorter), ("lead", 11_025, 8))
    }
    tracks = []
    for name in ("learned", "scored"):
        (tmp_path / name).mkdir()
        stems = {"bass": (made["bass"], SR), "lead": (made["lead"], 11_025)}
        tracks.append(song(tmp_path / name, **stems))
    tracks[0].id = "learned"
    objective = plugin(f"objectives/{task}.py", **{"phase": "mixture"})
    objective.set_data(train=tracks[:1], test=tracks[1:])
    (track,) = objective.references.values()
    answer = {name: y + 0.01 for name, y in track.stems().items()}
    row = objective._row(track, Estimate(answer))
    assert row["error"] == ""
    assert row["value"] > 10
    if told is None:
        assert "ends_early" not in row
        assert "early" not in capsys.readouterr().out
    else:
        assert told in row["ends_early"]
        assert told in capsys.readouterr().out
