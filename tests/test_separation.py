"""Separation: scores, Wiener filtering, dictionaries and what goes to which stem."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import MINI
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from solving import factorizer, module_in, plugin, solve

from musaic_core.data.audio import read_audio
from musaic_core.data.corpus import read_corpus, read_track
from musaic_core.data.errors import InputError
from musaic_core.data.recording import Track
from musaic_core.lowrank import ncp, nmf
from musaic_core.results.figures import draw_factors, draw_spectrograms
from musaic_core.results.saved import save_factors, save_spectrograms
from musaic_core.tasks.given import Given
from musaic_core.tasks.separation import stored, wiener
from musaic_core.tasks.separation import task as separation
from musaic_core.tasks.separation.matching import match_stems
from musaic_core.tasks.separation.saved import save_stems
from musaic_core.tasks.separation.scores import (
    bss_eval,
    correlations_of,
    mean_sdr,
    separation_scores,
    si_sdr,
)
from musaic_core.tasks.separation.task import POWER, Separation, stems_to_learn
from musaic_core.tasks.separation.wiener import (
    HIGHEST,
    WINDOW,
    bin_frequencies,
    ideal_stems,
    magnitudes,
    synthesize,
    transform,
)

SR = 16000
RATIOS = ("sdr", "isr", "sir", "sar")


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def estimates_of(references):
    """With distortion of each kind: filtered, leaking, and noisy."""
    filtered = references + 0.3 * np.roll(references, 5, axis=-1)
    leaking = 0.2 * references[::-1]
    return filtered + leaking + 0.1 * noise(*references.shape, seed=1)


def museval_metrics():
    """The module of museval; to import the package itself takes ffmpeg's programs."""
    package = importlib.util.find_spec("museval")
    if package is None:
        pytest.skip("museval is not installed")
    return module_in(Path(package.origin).parent / "metrics.py")


def museval_scores(references, estimates, window):
    metrics = museval_metrics()
    return metrics.bss_eval(
        references.transpose(0, 2, 1),
        estimates.transpose(0, 2, 1),
        window=window,
        hop=window,
    )[:4]


# scores


@pytest.mark.parametrize(("n_stems", "n_channels"), [(3, 1), (2, 2)])
def test_bss_eval_gives_what_museval_gives(n_stems, n_channels):
    references = noise(n_stems, n_channels, 11000)
    estimates = estimates_of(references)
    references[0, :, 3000:6000] = 0  # a window in which one of them is silent
    ours = bss_eval(references, estimates, 3000)
    theirs = museval_scores(references, estimates, 3000)
    for name, values in zip(RATIOS, theirs, strict=True):
        tolerance = 1e-9 if name == "sdr" else 1e-3
        np.testing.assert_allclose(ours[name], values, atol=tolerance, equal_nan=True)
    assert np.isnan(ours["sdr"]).sum() == n_stems


def test_known_correlations_of_the_references_change_no_score():
    references = noise(3, 2, 9000)
    estimates = estimates_of(references)
    known = bss_eval(references, estimates, 3000, correlations_of(references))
    for metric, ratios in bss_eval(references, estimates, 3000).items():
        np.testing.assert_array_equal(known[metric], ratios)


def test_bss_eval_of_one_short_window_is_that_of_museval():
    references = noise(2, 1, 2000)
    estimates = estimates_of(references)
    ours = bss_eval(references, estimates, 44100)
    theirs = museval_scores(references, estimates, 44100)
    for name, values in zip(RATIOS, theirs, strict=True):
        np.testing.assert_allclose(ours[name], values, atol=1e-3)


def test_bss_eval_does_not_invent_interference_where_references_have_no_energy():
    # as after lossy coding: nothing above 2 kHz. White noise 50 dB below is enough to
    # determine museval's filters; without it, its SIR is lower by some 10 dB or more
    spectrum = np.fft.rfft(noise(2, 1, 2 * SR))
    spectrum[..., 4000:] = 0
    references = np.fft.irfft(spectrum).astype(np.float32)
    estimates = references + 0.1 * references[::-1]
    floor = 10 ** (-50 / 20) * references.std() * noise(*references.shape, seed=2)
    ours = bss_eval(references, estimates, SR)["sir"]
    determined = museval_scores(references + floor, estimates, SR)[2]
    np.testing.assert_allclose(ours, determined, atol=1)


def test_mean_sdr_is_that_of_the_scores():
    references = {"a": noise(2, 30000), "b": noise(2, 30000, seed=3)}
    references["a"][:, 8000:16000] = 0
    estimates = estimates_of(np.stack(list(references.values())))
    scores = separation_scores(
        references, dict(zip(references, estimates, strict=True)), 8000
    )
    sdr = mean_sdr(np.stack(list(references.values())), estimates, 8000)
    assert scores["sdr"] == pytest.approx(sdr)
    assert scores["sdr"] == pytest.approx((scores["sdr_a"] + scores["sdr_b"]) / 2)


def test_si_sdr_is_the_ratio_of_energies_whatever_the_scale():
    reference, distortion = np.eye(2, 1000)[:, None]
    assert si_sdr(reference, reference + 0.1 * distortion) == pytest.approx(20)
    assert si_sdr(reference, 7 * (reference + 0.1 * distortion)) == pytest.approx(20)


# synthesis


@settings(max_examples=25, deadline=None)
@drawn(
    sr=st.sampled_from([8000, 11025, 22050]),
    length=st.integers(2000, 9000),
    n_channels=st.integers(1, 2),
    per_channel=st.booleans(),
    phase=st.sampled_from(["mixture", "misi"]),
    seed=st.integers(0, 9),
)
def test_stems_sum_to_the_mixture(sr, length, n_channels, per_channel, phase, seed):
    y = noise(n_channels, length, seed=seed)
    heard = magnitudes(y, sr, 3 if per_channel else 2)
    spectrograms = np.abs(noise(3, *heard.shape, seed=seed + 1))
    spectrograms *= np.random.default_rng(seed).random(spectrograms.shape) < 0.3
    stems = synthesize(y, sr, spectrograms, phase)
    assert stems.shape == (3, n_channels, length)
    assert stems.dtype == np.float32
    assert np.abs(stems.sum(0) - y).max() < 1e-5
    assert np.abs(stems).max() < 10 * np.abs(y).max()  # at the ends too


def test_a_model_of_silence_gives_equal_parts():
    y = noise(1, SR)
    shape = magnitudes(y, SR).shape
    stems = synthesize(y, SR, np.zeros((4, *shape), np.float32))
    np.testing.assert_allclose(stems, np.stack([y / 4] * 4), atol=1e-5)


def tones(sr, *hertz):
    return np.sin(2 * np.pi * np.outer(hertz, np.arange(2 * sr)) / sr)[:, None]


def test_tones_apart_are_separated():
    stems = tones(SR, 440, 1000).astype(np.float32)
    y = stems.sum(0)
    spectrograms = np.stack([magnitudes(stem, SR) for stem in stems])
    assert mean_sdr(stems, synthesize(y, SR, spectrograms), SR) > 30


def test_each_channel_has_its_own_mask():
    # the same spectrum left and right: only their places tell them apart
    left, right = np.zeros((2, 2, 2 * SR), np.float32)
    left[0], right[1] = noise(2, 2 * SR)
    stems = np.stack([left, right])
    spectra = [magnitudes(stem, SR, 3) for stem in stems]
    y = stems.sum(0)
    assert mean_sdr(stems, synthesize(y, SR, np.stack(spectra)), SR) > 20
    over_channels = np.stack([np.sqrt((V**2).mean(2)) for V in spectra])
    assert mean_sdr(stems, synthesize(y, SR, over_channels), SR) < 10


@pytest.mark.parametrize("sr", [22050, 32000, 44100, 48000])
def test_a_row_is_the_same_frequency_at_any_sampling_rate(sr):
    V = magnitudes(tones(sr, 1000)[0], sr)
    assert len(V) == round(HIGHEST * WINDOW) == len(bin_frequencies())
    assert bin_frequencies()[V.sum(1).argmax()] == pytest.approx(1000)


def test_phase_recovery_helps_where_magnitudes_are_known(tracks):
    y, sr = tracks[0].audio()
    stems = np.stack(list(tracks[0].stems().values()))
    spectrograms = np.abs(transform(stems, sr)).transpose(0, 2, 3, 1)
    mixture, misi = (
        mean_sdr(stems, synthesize(y, sr, spectrograms, phase), sr)
        for phase in ("mixture", "misi")
    )
    assert misi > mixture


# models


STEMS = ["bass", "drums", "other", "vocals"]


@pytest.fixture(scope="module")
def tracks():
    """Ten seconds amid each of the embedded songs."""
    return [track.amid(10) for track in read_corpus(MINI / "songs" / "test")]


@pytest.fixture(scope="module")
def songs(tracks):
    """The task to separate them."""
    train = read_corpus(MINI / "songs" / "train-seen")
    return Separation([track.amid(30) for track in train], tracks, STEMS)


@pytest.fixture
def song_task(songs, tracks):
    """The task to separate one of them, which may be changed."""
    task = Separation(songs.train, tracks[:1], STEMS)
    task.dictionary_of = songs.dictionary_of
    return task


def kl_nmf(V, given):
    if given.dictionary is None:
        return nmf(V, 30, beta=1, max_iter=60, seed=0)
    W = given.dictionary.templates
    R = W.shape[1]
    start = W, np.full((R, V.shape[1]), V.mean(), V.dtype)
    model = nmf(V, R, beta=1, init=start, fixed=("templates",), max_iter=60)
    model.labels = given.dictionary.labels
    return model


FIXED, BLIND = (factorizer(kl_nmf, dictionary) for dictionary in ("fixed", "blind"))


@pytest.fixture(scope="module")
def share_of_the_way(tracks):
    """How far estimates are from the mixture (0) to the ideal mask (1), on average."""
    known = {}
    for track in tracks:
        (y, sr), stems = track.audio(), np.stack(list(track.stems().values()))
        parts = np.stack([y / len(stems)] * len(stems))
        low, high = (
            mean_sdr(stems, separated, sr)
            for separated in (parts, ideal_stems(y, sr, stems))
        )
        known[track.id] = stems, sr, low, high

    def share(estimates):
        shares = []
        for name, estimate in estimates.items():
            stems, sr, low, high = known[name]
            separated = np.stack([estimate.answer[stem] for stem in STEMS])
            shares.append((mean_sdr(stems, separated, sr) - low) / (high - low))
        return np.mean(shares)

    return share


@pytest.mark.slow
def test_dictionaries_of_other_songs_go_a_fifth_of_the_way_to_the_ideal_mask(
    songs, share_of_the_way
):
    estimates = solve(songs, FIXED)
    assert share_of_the_way(estimates) > 1 / 5
    labels = next(iter(estimates.values())).evidence.labels
    assert set(labels) == set(STEMS)


@pytest.mark.slow
def test_blind_templates_are_given_to_stems_better_than_by_chance(
    songs, tracks, share_of_the_way
):
    by_rule = solve(songs, BLIND)
    rng = np.random.default_rng(0)
    at_random = Separation(songs.train, tracks, STEMS)
    at_random.dictionary_of = songs.dictionary_of
    at_random.share = lambda W: np.eye(4)[rng.integers(0, 4, W.shape[1])]
    by_chance = solve(at_random, BLIND)
    gain = share_of_the_way(by_rule)
    assert gain > 0.09
    assert gain > share_of_the_way(by_chance) + 0.1


def test_templates_of_the_dictionary_are_given_to_their_own_stems(songs):
    shares = songs.share(songs.dictionary.templates)
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-4)
    given = np.array(songs.labels)[shares.argmax(1)]
    assert (given == songs.dictionary.labels).mean() > 0.9


def test_a_dictionary_has_entries_over_time(songs):
    patches, labels = songs.dictionary.patches(3)
    assert patches.shape == (len(songs.dictionary.templates), len(labels), 3)
    np.testing.assert_allclose(patches.sum((0, 2)), 1, rtol=1e-4)
    assert set(labels) == set(STEMS)
    # that they are of one event shows in their spectra: those of the stem's own
    shares = songs.share(patches.sum(2))
    given = np.array(songs.labels)[shares.argmax(1)]
    assert (given == labels).mean() > 0.7


def test_the_dictionary_depends_on_the_seed(tmp_path):
    track = song(tmp_path / "song", {"bass": 0.1 * noise(1, SR)})
    first, again, other = (
        Separation([track], [], ["bass"], seed=seed).dictionary.templates
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other, atol=1e-3)


def test_a_tensor_model_separates_stereo(song_task, tracks, share_of_the_way):
    def model(V, given):
        W = given.dictionary.templates
        assert V.ndim == 3
        assert V.shape[2] == 2
        start = {"init": (W, None, None), "fixed": (0,), "seed": given.seed}
        model = ncp(V, W.shape[1], beta=1, max_iter=30, **start)
        model.labels = given.dictionary.labels
        return model

    estimates = solve(song_task, factorizer(model, "fixed", n_axes=3))
    assert share_of_the_way(estimates) > 0.05
    (estimate,) = estimates.values()
    y, _ = tracks[0].audio()
    assert np.abs(sum(estimate.answer.values()) - y).max() < 1e-5
    assert estimate.n_parameters == estimate.model.n_parameters > 0


@pytest.mark.parametrize(
    ("n_axes", "largest"), [(2, 2**29), (3, 2**29), (2, 0), (3, 0)]
)
def test_the_spectrograms_of_stems_sum_to_the_model(
    song_task, n_axes, largest, monkeypatch
):
    monkeypatch.setattr(stored, "LARGEST", largest)  # 0: all are in files
    described = []

    def model(V, given):
        fit = nmf if n_axes == 2 else ncp
        found = fit(V, 6, beta=1, max_iter=5, seed=0)
        described.append((found, song_task.describe(found, given), V.shape))
        return found

    (estimate,) = solve(song_task, factorizer(model, n_axes=n_axes)).values()
    found, description, shape = described[-1]
    parts = np.stack(description.magnitudes) ** POWER
    assert parts.shape == (len(STEMS), *shape)
    np.testing.assert_allclose(parts.sum(0), found.reconstruct(), rtol=1e-3, atol=1e-6)
    assert len(estimate.evidence.labels) == found.templates.shape[1]
    assert set(estimate.evidence.labels) <= set(STEMS)


def test_the_tensor_has_the_matrix_as_its_root_mean_square_over_channels(songs):
    V, tensor = (songs.represent(songs.test[0], axes) for axes in songs.axes)
    np.testing.assert_allclose(V, np.sqrt((tensor**2).mean(2)), rtol=1e-5)


def test_what_is_given_has_the_rows_of_v(tmp_path):
    """At a low sampling rate V ends at half of it, though the dictionary goes on."""
    stems = {"bass": 0.1 * noise(1, 2 * SR)}
    fine, coarse = (song(tmp_path / str(sr), stems, sr) for sr in (44100, SR))
    task = Separation([fine], [coarse], ["bass"])
    for axes in task.axes:
        given = Given(task, axes, task.test[0])
        assert len(given.V) == SR / 2 * WINDOW + 1 < len(task.dictionary.templates)
        assert len(given.dictionary.templates) == len(given.V)
        assert len(given.frequencies) == len(given.V)
    assert len(Given(task, axes).dictionary.templates) == round(HIGHEST * WINDOW)


# a real production


@pytest.fixture
def production(tmp_path, monkeypatch):
    """The excerpt in the package stempeg, seen through windows of 2048 samples."""
    # it need not be importable: without ffmpeg's programs it is not
    if importlib.util.find_spec("stempeg") is None:
        pytest.skip("stempeg is not installed")
    stem = module_in(MINI.parent / "stem.py")
    stem.decode(stem.excerpt(), tmp_path / "production")
    monkeypatch.setattr(wiener, "WINDOW", 2048 / 44100)
    monkeypatch.setattr(wiener, "HOP", 512 / 44100)
    return read_track(tmp_path / "production")


def test_mixture_and_ideal_mask_of_a_production_score_as_published(production):
    y, sr = production.audio()
    stems = np.stack(list(production.stems().values()))
    assert mean_sdr(stems, np.stack([y / 4] * 4), sr) == pytest.approx(1.3, abs=0.1)
    assert mean_sdr(stems, ideal_stems(y, sr, stems), sr) == pytest.approx(8.7, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(("templates", "sdr"), [(10, 5.8), (30, 6.3), (60, 6.5)])
def test_oracle_dictionaries_of_a_production_score_as_published(
    production, templates, sdr, monkeypatch
):
    # published were models of magnitudes and masks of powers, which suit dictionaries
    # of the very stems that are to be found
    monkeypatch.setattr(separation, "POWER", 2)
    monkeypatch.setattr(Separation, "compression", 1)
    monkeypatch.setattr(separation, "TEMPLATES", templates)
    task = Separation([production], [production], production.stem_files)
    (estimate,) = solve(task, FIXED).values()
    stems = np.stack(list(production.stems().values()))
    estimates = np.stack(list(estimate.answer.values()))
    # random starts differ by some tenths
    assert mean_sdr(stems, estimates, production.audio()[1]) == pytest.approx(
        sdr, abs=0.5
    )


def test_a_production_is_learned_from_only_where_that_is_asked_for(
    tmp_path, monkeypatch
):
    module = module_in(MINI.parent / "stem.py")

    def read(path):
        stems = {name: noise(1, 100) for name in ("bass", "vocals")}
        return [song(tmp_path / f"{len([*tmp_path.iterdir()])}", stems)]

    monkeypatch.setattr(module, "read_stem_files", read)

    def data(**parameters):
        defaults = {"path": "a.stem.mp4", "train": None}
        return module.Dataset.get_instance(**defaults | parameters).get_data()

    (track,) = data()["test"]
    assert stems_to_learn(data()["train"], [track]) == ["bass", "vocals"]
    folders = {file.parents[1] for t in data()["train"] for file in t.audio_files}
    assert folders == {MINI / "songs" / f"train-{font}" for font in ("seen", "unseen")}
    own = data(train="own")
    assert own["train"] == own["test"]
    assert "set train=own" in data(train="a.stem.mp4")["missing"]


def test_names_of_stems_are_those_of_the_file(tmp_path):
    file = tmp_path / "song.stem.mp4"
    file.write_bytes(
        b'\x00\x01moovstem{"version": 1, "stems": [{"name": "Drums"}, '
        b'{"name": "Vox"}]}\xff\xfe mdat'
    )
    assert module_in(MINI.parent / "stem.py").stem_names(file) == ["drums", "vocals"]


def test_a_stem_file_that_is_none_is_named(tmp_path):
    file = tmp_path / "song.stem.mp4"
    file.write_bytes(b"no music")
    with pytest.raises(InputError, match=r"song\.stem\.mp4: not a readable STEM file"):
        module_in(MINI.parent / "stem.py").decode(file, tmp_path / "stems")


# files


def test_saved_stems_are_what_was_heard(tmp_path):
    y = np.stack([tones(SR, f)[0, 0] for f in (300, 500)]).astype(np.float32) / 2
    save_stems({"bass": y, "lead": y[:, ::-1]}, SR, tmp_path)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["bass.ogg", "lead.ogg"]
    saved, sr = read_audio(tmp_path / "bass.ogg")
    assert sr == SR
    assert saved.shape == y.shape
    assert si_sdr(y, saved) > 10


def test_an_excerpt_of_saved_stems_is_from_the_middle(tmp_path):
    y = np.concatenate([tones(SR, f)[0] for f in (200, 1500, 5000)], axis=1)
    save_stems({"bass": y.astype(np.float32)}, SR, tmp_path, seconds=2)
    saved, _ = read_audio(tmp_path / "bass.ogg")
    assert saved.shape == (1, 2 * SR)
    V = magnitudes(saved, SR).sum(1)
    assert bin_frequencies()[V.argmax()] == 1500


def song(folder, stems, sr=SR):
    folder.mkdir()
    files = {name: folder / f"{name}.wav" for name in stems}
    for name, y in stems.items():
        soundfile.write(files[name], y.T, sr)
    return Track(folder.name, files)


def test_recordings_that_cannot_be_separated_cost_their_own_row(tmp_path, capsys):
    bass, lead = (0.1 * tones(SR, f)[0] for f in (100, 900))
    good = song(tmp_path / "good", {"bass": bass, "lead": lead})
    short = song(tmp_path / "short", {"mixture": bass[:, :500]})
    odd = song(tmp_path / "odd", {"keys": bass, "voice": lead})
    task = Separation([good, odd], [good, short], ["bass", "lead"])
    estimates = solve(task, FIXED)
    assert estimates["good"].error == ""
    assert "0.03 s are too short to separate" in estimates["short"].error
    assert "odd: has none of the stems bass, lead" in capsys.readouterr().out


def test_each_stem_is_learned_from_the_tracks_that_have_it(tmp_path):
    bass, lead, voice = (0.1 * tones(SR, f)[0] for f in (100, 900, 2000))
    one = song(tmp_path / "one", {"bass": bass, "lead": lead})
    two = song(tmp_path / "two", {"bass": bass, "voice": voice})
    both = Separation([one, two], [one], ["bass", "lead", "voice"]).dictionary
    for name, track in (("lead", one), ("voice", two)):
        alone = Separation([track], [track], ["bass", name]).dictionary
        np.testing.assert_allclose(
            both.templates[:, both.labels == name],
            alone.templates[:, alone.labels == name],
        )


@pytest.mark.parametrize(
    ("train", "test", "stems"),
    [
        ([], ["ab"], "ab"),
        ([], [], ["mixture"]),
        (["ab"], [], "ab"),
        (["abc"], ["ca"], "ac"),  # what is asked for can be learned
        (["ab", "bc"], ["abc"], "abc"),  # from one or the other
        (["abc"], ["xb"], "abc"),  # it can't
    ],
)
def test_the_stems_are_those_that_are_asked_for_where_they_can_be_learned(
    train, test, stems
):
    def tracks(names):
        return [Track(name, dict.fromkeys(name, None)) for name in [*names, "m"]]

    assert stems_to_learn(tracks(train), tracks(test)) == list(stems)


def stems_of_noise(*names):
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=(2, 500)) for name in names}


def test_parts_of_other_names_are_matched_to_the_stems_they_are_most_like():
    true = stems_of_noise("drums", "voice", "keys")
    parts = {
        "chords": true["keys"] + 0.3 * true["voice"],
        "lead": true["voice"] + 0.3 * true["drums"],
        "drums": true["keys"],  # a name that agrees is believed
    }
    references, matched, told = match_stems(true, parts)
    assert list(references) == list(matched) == ["drums", "voice", "keys"]
    for name, part in (("drums", "drums"), ("voice", "lead"), ("keys", "chords")):
        np.testing.assert_array_equal(matched[name], parts[part])
        np.testing.assert_array_equal(references[name], true[name])
    assert told == "voice: lead; keys: chords"
    assert match_stems(true, true)[2] == ""


def test_more_parts_than_stems_are_added_up_and_the_reverse():
    true = stems_of_noise("drums", "synths")
    parts = {"drums": true["drums"], "bass": true["synths"] / 3, "guitar": None}
    parts["guitar"] = true["synths"] - parts["bass"] + 0.5 * true["drums"]
    _, matched, told = match_stems(true, parts)
    np.testing.assert_allclose(matched["synths"], parts["bass"] + parts["guitar"])
    assert told == "synths: bass + guitar"
    references, matched, told = match_stems(parts, true)
    assert list(references) == ["drums", "bass + guitar"]
    np.testing.assert_array_equal(matched["bass + guitar"], true["synths"])
    np.testing.assert_allclose(sum(references.values()), sum(parts.values()))
    assert told == "bass + guitar: synths"


@pytest.mark.parametrize("solver", [FIXED, BLIND])
def test_without_readable_training_stems_each_row_has_a_reason(
    tmp_path, solver, capsys
):
    stems = {name: 0.1 * tones(SR, f)[0] for name, f in (("bass", 100), ("lead", 900))}
    good = song(tmp_path / "good", stems)
    broken = song(tmp_path / f"broken-{solver.dictionary}", stems)
    broken.stem_files["bass"].write_bytes(b"no audio")
    task = Separation([broken], [good], list(stems))
    estimate = solve(task, solver)["good"]
    assert estimate.answer is None
    assert "could be read" in estimate.error
    assert capsys.readouterr().out.count("no sound can be read from it") == 1


def test_training_tracks_of_one_name_are_all_learned_from(tmp_path):
    low, high = (
        song(tmp_path / str(hz), {"bass": 0.1 * tones(SR, hz)[0]}) for hz in (100, 3000)
    )
    low.id = high.id = "song"
    templates = Separation([low, high], [], ["bass"]).dictionary.templates
    loudest = bin_frequencies()[templates.argmax(0)]
    assert {100, 3000} <= set(loudest)


def test_the_objective_takes_corpora_with_other_keys_and_folders_without_stems(
    tmp_path, capsys
):
    stems = {name: 0.1 * tones(SR, f)[0] for name, f in (("bass", 100), ("lead", 900))}
    good = song(tmp_path / "good", stems)
    bare = song(tmp_path / "bare", {"mixture": stems["bass"]})
    objective = plugin("objectives/mss.py", phase="mixture")
    data = {"train": [bare, good], "test": [bare, good], "licence": "unheard of"}
    assert objective.skip(**data) == (False, None)
    objective.set_data(**data)
    assert objective.task.labels == ["bass", "lead"]
    mixture = plugin("solvers/mixture.py")
    assert mixture._set_objective(objective) == (False, None)
    mixture.run(None)
    rows = {r["track"]: r for r in objective.evaluate_result(**mixture.get_result())}
    assert np.isfinite(rows["good"]["value"])
    assert np.isnan(rows["bare"]["value"])
    assert [row["error"] for row in rows.values()] == ["", ""]
    skipped, _ = objective.skip(train=[bare], test=[bare])
    assert skipped
    assert "nothing to separate" in capsys.readouterr().out


def test_a_dictionary_serves_other_sampling_rates(tmp_path):
    rates = (16000, 44100)
    first, second = (
        song(
            tmp_path / str(sr),
            {"bass": 0.1 * tones(sr, 100)[0], "lead": 0.1 * tones(sr, 2000)[0]},
            sr,
        )
        for sr in rates
    )
    for train, test in ((first, second), (second, first)):
        task = Separation([train], [test], ["bass", "lead"])
        (estimate,) = solve(task, FIXED).values()
        _, sr = test.audio()
        stems = np.stack(list(test.stems().values()))
        assert mean_sdr(stems, np.stack(list(estimate.answer.values())), sr) > 20


# pictures


def test_factors_are_drawn_by_stem(tmp_path):
    V = np.abs(noise(40, 50))
    model = nmf(V, 5, beta=1, max_iter=5, seed=0)
    labels = np.array(["drums", "bass", "drums", "lead", "bass"])
    save_factors(model, labels, np.arange(40) * 12.5 + 1, 0.04, tmp_path / "f.npz")
    picture = draw_factors(tmp_path / "f.npz")
    assert picture.shape[2] == 3
    assert picture.std() > 0.05


@pytest.mark.parametrize("known", [True, False])
def test_spectrograms_are_drawn_of_mixture_reference_and_estimate(tmp_path, known):
    stems = {"bass": tones(SR, 100)[0], "lead": tones(SR, 900)[0]}
    mixture = sum(stems.values())
    file = tmp_path / "s.npz"
    save_spectrograms(mixture, stems if known else None, stems, SR, file)
    with np.load(file) as saved:
        loudest = saved["estimate lead"].min()
        assert saved["mixture"].min() == 0
    assert loudest < 10
    picture = draw_spectrograms(file)
    assert picture.shape[2] == 3
    assert picture.std() > 0.05
