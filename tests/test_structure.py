"""From recordings to sections: bars, what is known of them, decoder and scores."""

import mir_eval
import numpy as np
import pandas as pd
import pytest
import soundfile
from conftest import MINI, shorten
from tensorly.tucker_tensor import TuckerTensor

from musaic_core.data.track import InputError, Track, read_corpus, read_track
from musaic_core.lowrank.models import NMF, NTD
from musaic_core.lowrank.ncp import ncp
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.ntd import ntd
from musaic_core.tasks.structure.segmentation import self_similarity
from musaic_core.tasks.structure.task import (
    FEATURES,
    NEGATIVE,
    SEGMENTATIONS,
    SectionDecoder,
    Structure,
    bar_factor,
    boundary_f1,
    make_sections,
    section_patterns,
    structure_scores,
)

SONGS = MINI / "songs"


@pytest.fixture(scope="module")
def song():
    return read_track(SONGS / "test/harbour-lights")


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """Half a minute of a song."""
    folder = tmp_path_factory.mktemp("songs") / "brass-pocket"
    shorten(read_track(SONGS / "test/brass-pocket"), folder, 30)
    return read_track(folder)


@pytest.fixture(scope="module")
def task(short):
    return Structure([short], [short])


def mean_scores(task, estimates):
    scores = [structure_scores(t.sections, estimates[t.id].answer) for t in task.test]
    return pd.DataFrame(scores).mean()


@pytest.mark.parametrize("timbre", ["seen", "unseen"])
def test_bars_alone_find_the_sections_of_the_test_songs(timbre):
    task = Structure(
        read_corpus(SONGS / f"train-{timbre}"), read_corpus(SONGS / "test")
    )
    scores = mean_scores(task, task.analyse(lambda V: V.T))
    assert scores["boundary_f1_3"] >= 0.8
    assert scores["boundary_f1_05"] >= 0.7


def test_bars_are_the_corpus_own_and_go_on_to_the_end(song):
    task = Structure([], [song])
    bars = task.bars(song)
    assert set(song.downbeats) <= set(bars)
    assert (np.diff(bars) > 0).all()
    bar = np.median(np.diff(bars))
    assert bars[0] < bar / 2
    assert song.duration - bar / 2 < bars[-1] <= song.duration


def test_beats_are_heard_where_the_corpus_has_none(song):
    unknown = Track("song", song.stem_files)
    bars = Structure([], [unknown]).bars(unknown)
    annotated = np.median(np.diff(song.downbeats))
    assert np.median(np.diff(bars)) == pytest.approx(annotated, rel=0.05)


def test_a_recording_too_short_for_two_bars_is_refused_by_name(tmp_path):
    for n in (400, 30_000):
        noise = np.random.default_rng(0).normal(0, 0.1, n)
        soundfile.write(tmp_path / "blip.wav", noise, 22050)
        with pytest.raises(InputError, match=r"blip\.wav: .* too short .* two bars"):
            Structure([], []).represent(
                Track("blip", {"mixture": tmp_path / "blip.wav"})
            )


@pytest.mark.parametrize("feature", FEATURES)
def test_features_have_the_sign_that_factorizations_are_told(short, feature):
    task = Structure([], [short], feature)
    V = task.represent(short, modes=3)
    assert V.dtype == np.float32
    assert V.shape[1:] == (96, len(task.bars(short)) - 1)
    assert np.isfinite(V).all()
    assert (V.min() < 0) == (feature in NEGATIVE) == (task.modes == ())


def test_the_matrix_is_the_tensor_with_a_bar_a_column(short, task):
    tensor = task.represent(short, modes=3)
    matrix = task.represent(short)
    np.testing.assert_array_equal(matrix, tensor.reshape(-1, tensor.shape[2]))


def test_gain_does_not_count(short, task, tmp_path):
    y, sr = short.audio()
    soundfile.write(tmp_path / "quiet.wav", 0.1 * y.T, sr, subtype="FLOAT")
    quiet = Track("q", {"mixture": tmp_path / "quiet.wav"}, beats_file=short.beats_file)
    V = task.represent(short)
    np.testing.assert_allclose(task.represent(quiet), V, atol=1e-2 * V.max())


MODELS = {
    "nmf": (2, lambda V, _: nmf(V, 6, seed=0)),
    "ncp": (3, lambda V, _: ncp(V, 6, beta=2, update="hals", seed=0)),
    "ntd": (
        3,
        lambda V, _: ntd(V, (8, 8, 5), beta=2, init="nndsvd", update="hals", seed=0),
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_shape_of_model_gives_sections_of_the_whole_recording(short, task, name):
    modes, model = MODELS[name]
    estimate = task.factorize(model, False, modes)[short.id]
    assert estimate.error == ""
    sections = estimate.answer
    assert sections["start"].iloc[0] == 0
    assert sections["end"].iloc[-1] == short.duration
    np.testing.assert_array_equal(sections["start"][1:], sections["end"][:-1])
    assert estimate.n_parameters == estimate.factorization.n_parameters
    assert estimate.similarity.shape == (len(estimate.bars) - 1,) * 2


def random_ntd(seed=0):
    rng = np.random.default_rng(seed)
    factors = [rng.random(shape) for shape in ((20, 4), (12, 3), (9, 2))]
    return NTD(TuckerTensor((rng.random((4, 3, 2)), factors)))


def test_bar_factors_do_not_depend_on_how_scale_is_shared():
    model = random_ntd()
    W, H, Q = model.factors
    gains = np.array([10.0, 0.1])
    other = NTD(TuckerTensor((3 * model.core * gains, [W / 3, H, Q / gains])))
    np.testing.assert_allclose(model.reconstruct(), other.reconstruct())
    np.testing.assert_allclose(bar_factor(model, 9), bar_factor(other, 9))
    slices = [np.linalg.norm(W @ model.core[..., k] @ H.T) for k in range(2)]
    np.testing.assert_allclose(bar_factor(model, 9), Q * slices)

    W, H = np.random.default_rng(1).random((2, 7, 7))
    np.testing.assert_allclose(
        bar_factor(NMF(W, H), 7), bar_factor(NMF(2 * W, H / 2), 7)
    )


def test_a_model_without_bar_mode_is_read_by_its_activations():
    activations = np.arange(12.0).reshape(2, 6)  # 2 templates, 3 frames in 2 bars
    X = bar_factor(NMF(np.eye(2), activations), 2)
    np.testing.assert_array_equal(X, [[0, 2, 4, 6, 8, 10], [1, 3, 5, 7, 9, 11]])


@pytest.mark.parametrize("segmentation", SEGMENTATIONS)
def test_tuning_never_lowers_the_score_on_the_training_songs(segmentation):
    rng = np.random.default_rng(0)
    types = [0, 1, 0, 1, 2]
    bars = np.linspace(0, 80, 41)
    reference = make_sections(bars, np.arange(0, 41, 8), types, 80)
    X = np.repeat(rng.random((3, 20))[types], 8, axis=0) + rng.random((40, 20))

    def score(decoder):
        _, boundaries, labels = decoder.decode(X)
        assert len(labels) == len(boundaries) - 1
        return np.mean(
            boundary_f1(reference, make_sections(bars, boundaries, labels, 80))
        )

    untuned = SectionDecoder(segmentation)
    tuned = SectionDecoder(segmentation).fit([(X, bars, 80, reference)])
    assert score(tuned) >= max(score(untuned), 0.8)


def test_scores_are_those_of_mir_eval(song):
    reference = song.sections
    estimate = make_sections(song.downbeats, [0, 4, 16, 20, 40], "ABAC", song.duration)
    scores = structure_scores(reference, estimate)
    end = reference["end"].iloc[-1]
    assert end == song.duration
    intervals = [s[["start", "end"]].to_numpy() for s in (reference, estimate)]
    found = mir_eval.segment.detection(*intervals, window=0.5, trim=True)
    assert [scores[f"boundary_{m}_05"] for m in ("precision", "recall", "f1")] == [
        *found
    ]
    labels = [s["label"].tolist() for s in (reference, estimate)]
    pairwise = mir_eval.segment.pairwise(
        intervals[0], labels[0], intervals[1], labels[1]
    )
    assert scores["pairwise_f1"] == pairwise[2]
    assert 0 < scores["boundary_f1_05"] <= scores["boundary_f1_3"] < 1
    assert set(structure_scores(reference, reference).values()) == {1.0}


def test_references_with_gaps_are_scored(song):
    estimate = make_sections(song.downbeats, [0, 4, 16, 40], "ABA", song.duration)
    rows = [(3, 9, "intro"), (12, 30, "verse"), (30, 70, "chorus")]
    reference = pd.DataFrame(rows, columns=["start", "end", "label"])
    scores = structure_scores(reference, estimate)
    assert np.isfinite(list(scores.values())).all()
    assert scores["boundary_recall_3"] > 0


def test_the_pattern_of_a_section_is_the_mean_of_its_bars():
    model = random_ntd()
    bars = np.arange(10.0)
    sections = make_sections(bars, [0, 4, 9], "AB", 9)
    patterns = section_patterns(model, bars, sections)
    W, H, Q = model.factors
    norms = np.outer(np.linalg.norm(W, axis=0), np.linalg.norm(H, axis=0))
    expected = norms * (model.core @ Q[:4].mean(0))
    assert patterns.shape == (2, 4, 3)
    np.testing.assert_allclose(np.sort(patterns[0].ravel()), np.sort(expected.ravel()))
    # rows from low to high spectra
    centres = np.arange(20) @ W / W.sum(0)
    np.testing.assert_allclose(patterns[0].sum(1), expected.sum(1)[np.argsort(centres)])


@pytest.mark.parametrize(
    ("name", "text", "advice"),
    [
        ("sections.lab", "", "start, end and label"),
        ("sections.lab", "0 1\n", "start, end and label"),
        ("sections.lab", "4 4 verse\n", "start, end and label"),
        ("sections.lab", "0\tone\tverse\n", "start, end and label"),
        ("sections.lab", "0 9 verse\n5 12 chorus\n", "do not increase"),
        ("sections.lab", "9 0 verse\n", "do not increase"),
        ("sections.lab", "0 nan verse\n", "do not increase"),
        ("sections.lab", "0 900 verse\n900 990 chorus\n", "of another recording"),
        ("beats.csv", "", "time and position"),
        ("beats.csv", "time\n0.5\n", "time and position"),
        ("beats.csv", "time,position\nx,1\n", "time and position"),
        ("beats.csv", "time,position\n1,1\n1,2\n", "do not increase"),
        ("beats.csv", "time,position\n1,1\n700,2\n701,3\n", "of another recording"),
    ],
)
def test_annotations_that_make_no_sense_are_refused_by_name(
    song, tmp_path, name, text, advice
):
    (tmp_path / name).write_text(text, encoding="utf-8")
    track = Track(
        "song",
        song.stem_files,
        beats_file=tmp_path / "beats.csv",
        sections_file=tmp_path / "sections.lab",
    )
    with pytest.raises(InputError, match=rf"{name}: .*{advice}"):
        _ = track.sections if name == "sections.lab" else track.downbeats


def test_labels_may_have_spaces_and_lines_may_be_parted_by_them(song, tmp_path):
    (tmp_path / "sections.lab").write_text(
        "0 4.5 first verse\n\n4.5\t9\tchorus\n", encoding="utf-8"
    )
    track = Track("s", song.stem_files, sections_file=tmp_path / "sections.lab")
    assert track.sections["label"].tolist() == ["first verse", "chorus"]


def test_similarity_of_sections_is_what_the_decoder_saw(short, task):
    estimate = task.analyse(lambda V: V.T)[short.id]
    X = task.represent(short).T
    assert any(
        np.allclose(estimate.similarity, self_similarity(X, kind))
        for kind in ("cosine", "autocorrelation", "rbf")
    )
