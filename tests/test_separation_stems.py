"""Which stems are asked for, which are matched, what is saved and drawn of them."""

import numpy as np
import pytest
from separating import SR, noise, tones

from musaic_core.data.audio import read_audio
from musaic_core.data.recording import Track
from musaic_core.lowrank import nmf
from musaic_core.results.figures import draw_factors, draw_spectrograms
from musaic_core.results.saved import save_factors, save_spectrograms
from musaic_core.tasks.separation.matching import match_stems
from musaic_core.tasks.separation.saved import save_stems
from musaic_core.tasks.separation.scores import si_sdr
from musaic_core.tasks.separation.task import stems_to_learn
from musaic_core.tasks.separation.wiener import bin_frequencies, magnitudes


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
