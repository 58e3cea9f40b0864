"""From recordings to sections: bars, what is known of them, and the decoder."""

import numpy as np
import pandas as pd
import pytest
import soundfile
from conftest import MINI, shorten
from solving import factorizer, plugin, solve
from tensorly.tucker_tensor import TuckerTensor

from musaic_core.data.corpus import read_corpus, read_track
from musaic_core.data.errors import InputError
from musaic_core.data.recording import Track
from musaic_core.lowrank import NMF, NTD, ncp, nmf, ntd
from musaic_core.tasks.given import Given
from musaic_core.tasks.structure.decoder import (
    SEGMENTATIONS,
    SectionDecoder,
    make_sections,
)
from musaic_core.tasks.structure.features import FEATURES, NEGATIVE
from musaic_core.tasks.structure.saved import section_patterns
from musaic_core.tasks.structure.scores import boundary_f1, structure_scores
from musaic_core.tasks.structure.segmentation import self_similarity
from musaic_core.tasks.structure.task import Structure

SONGS = MINI / "songs"
OPTIONS = {"feature": "nn_log_mel", "segmentation": "cbm"}


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


def barwise_ssm():
    return plugin("solvers/barwise_ssm.py")


def mean_scores(tracks, estimates):
    scores = [structure_scores(t.sections, estimates[t.id].answer) for t in tracks]
    return pd.DataFrame(scores).mean()


@pytest.mark.slow
@pytest.mark.parametrize("timbre", ["seen", "unseen"])
def test_bars_alone_find_the_sections_of_the_test_songs(timbre):
    tracks = read_corpus(SONGS / "test")
    downbeats = {track.id: track.downbeats for track in tracks}
    train = read_corpus(SONGS / f"train-{timbre}")
    task = Structure(train, tracks, downbeats=downbeats)
    scores = mean_scores(tracks, solve(task, barwise_ssm()))
    assert scores["boundary_f1_3"] >= 0.7
    assert scores["boundary_f1_05"] >= 0.6


def check_bars(bars, duration):
    assert (np.diff(bars) > 0).all()
    bar = np.median(np.diff(bars))
    assert 0 <= bars[0] < bar / 2
    assert duration - bar / 2 < bars[-1] <= duration


def test_bars_that_a_task_is_told_are_the_corpus_own_and_go_on_to_the_end(song):
    task = Structure([], [song], downbeats={song.id: song.downbeats})
    bars = task.bars(task.test[0])
    assert set(song.downbeats) <= set(bars)
    check_bars(bars, song.duration)


def test_training_songs_have_their_annotated_bars_where_test_songs_have(song):
    task = Structure([song], [], downbeats={})
    assert set(song.downbeats) <= set(task.bars(song))


def test_beats_are_heard_where_the_corpus_has_none(song):
    unknown = Track("song", song.stem_files)
    task = Structure([], [unknown], downbeats={"song": None})
    bars = task.bars(task.test[0])
    annotated = np.median(np.diff(song.downbeats))
    assert np.median(np.diff(bars)) == pytest.approx(annotated, rel=0.05)
    check_bars(bars, song.duration)


def not_to_be_read():
    raise AssertionError("it was read")


def annotated_by(track, annotation):
    """The same recording, each annotation of which comes from a function."""
    kinds = ("notes", "beats", "sections", "chords")
    return Track(
        track.id, track.stem_files, **{f"{kind}_from": annotation for kind in kinds}
    )


def test_bars_are_heard_by_default_and_no_annotation_of_a_test_is_read(short):
    objective = plugin("objectives/msa.py", **OPTIONS, bars="heard")
    assert type(objective).parameters["bars"] == ["heard"]
    objective.set_data(train=[short], test=[annotated_by(short, not_to_be_read)])
    for name in ("barwise_ssm", "equal_sections"):
        solver = plugin(f"solvers/{name}.py")
        assert solver._set_objective(objective) == (False, None)
        solver.run(None)
        assert solver.estimates[short.id].error == ""
    heard = objective.task.bars(objective.task.test[0])
    check_bars(heard, short.duration)
    assert not set(short.downbeats) <= set(heard)
    # what the decoder is tuned on has no better bars
    np.testing.assert_array_equal(objective.task.bars(short), heard)


def test_bars_are_annotated_where_the_objective_is_told_so(short):
    objective = plugin("objectives/msa.py", **OPTIONS, bars="annotated")
    objective.set_data(train=[short], test=[short])
    bars = objective.task.bars(objective.task.test[0])
    assert set(short.downbeats) <= set(bars)
    np.testing.assert_array_equal(objective.task.bars(short), bars)
    other = plugin("objectives/msa.py", **OPTIONS, bars="given")
    with pytest.raises(
        ValueError, match="bars is 'given'; choose heard, annotated, madmom"
    ):
        other.set_data(train=[short], test=[short])


def test_the_objective_takes_corpora_with_other_keys(short):
    objective = plugin("objectives/msa.py", **OPTIONS, bars="heard")
    data = {"train": [short], "test": [short], "isolated": [], "licence": "unheard of"}
    assert objective.skip(**data) == (False, None)
    objective.set_data(**data)
    solver = plugin("solvers/equal_sections.py")
    assert solver._set_objective(objective) == (False, None)
    solver.run(None)
    (row,) = objective.evaluate_result(**solver.get_result())
    assert row["error"] == ""
    assert 0 <= row["value"] <= 1
    untold = Track("untold", short.stem_files)
    _, reason = objective.skip(train=[untold], test=[short])
    assert reason == "its training recordings have no sections to tune on"


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
    task = Structure([short], [short], feature)
    V = task.represent(short, task.axes[1])
    assert V.dtype == np.float32
    assert V.shape[1:] == (96, len(task.bars(short)) - 1)
    assert np.isfinite(V).all()
    refused, reason = factorizer(None).skip(task)
    assert (V.min() < 0) == (feature in NEGATIVE) == refused
    assert not refused or "negative in places" in reason
    assert barwise_ssm().skip(task) == (False, None)


def test_the_matrix_is_the_tensor_with_a_bar_a_column(short, task):
    tensor = task.represent(short, task.axes[1])
    matrix = task.represent(short)
    np.testing.assert_array_equal(matrix, tensor.reshape(-1, tensor.shape[2]))


def test_gain_does_not_count(short, task, tmp_path):
    y, sr = short.audio()
    soundfile.write(tmp_path / "quiet.wav", 0.1 * y.T, sr, subtype="FLOAT")
    quiet = Track("quiet", {"mixture": tmp_path / "quiet.wav"})
    V = task.represent(short)
    np.testing.assert_allclose(task.represent(quiet), V, atol=1e-2 * V.max())


FEW = {"beta": 2, "max_iter": 50, "seed": 0}
MODELS = {
    "nmf": (2, lambda V, _: nmf(V, 6, **FEW)),
    "ncp": (3, lambda V, _: ncp(V, 6, update="hals", **FEW)),
    "ntd": (3, lambda V, _: ntd(V, (8, 8, 5), init="nndsvd", update="hals", **FEW)),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_shape_of_model_gives_sections_of_the_whole_recording(short, task, name):
    n_axes, model = MODELS[name]
    estimate = solve(task, factorizer(model, n_axes=n_axes))[short.id]
    assert estimate.error == ""
    sections = estimate.answer
    assert sections["start"].iloc[0] == 0
    assert sections["end"].iloc[-1] == short.duration
    np.testing.assert_array_equal(sections["start"][1:], sections["end"][:-1])
    assert estimate.n_parameters == estimate.model.n_parameters
    n_bars = len(estimate.evidence.bars) - 1
    assert estimate.evidence.similarity.shape == (n_bars, n_bars)


def test_training_songs_that_cannot_be_used_leave_the_others(short, capsys):
    sections = {"sections_from": short.sections_from}
    broken = Track("no-audio", {"mixture": not_to_be_read}, **sections)
    untold = Track("untold", short.stem_files)
    late = Track("late", short.stem_files, sections_from=SONGS / "none" / "x.lab")
    task = Structure([broken, untold, late, short], [short])
    assert list(task.examples) == [short]
    printed = capsys.readouterr().out
    assert "no-audio: AssertionError: it was read" in printed
    assert "x.lab: not a readable table" in printed
    assert "untold" not in printed
    alone = Structure([broken], [short])
    estimate = solve(alone, barwise_ssm())[short.id]
    assert estimate.error == "no training recording could be used to tune the decoder"


def test_training_songs_of_one_name_are_all_tuned_on(short):
    same = Track(short.id, short.stem_files, sections_from=short.sections_from)
    task, seen = Structure([short, same], []), []

    def describe(track):
        seen.append(track)
        return task.represent(track).T

    task.tune(describe)
    assert seen == [short, same]


def random_ntd(seed=0):
    rng = np.random.default_rng(seed)
    factors = [rng.random(shape) for shape in ((20, 4), (12, 3), (9, 2))]
    return NTD(TuckerTensor((rng.random((4, 3, 2)), factors)))


def of_bars(model, n_bars):
    """What the task makes of a model of so many bars."""
    task = Structure([], [])
    given = Given(task, task.axes[0])
    vars(given)["V"] = np.empty((1, n_bars))
    return task.describe(model, given)


def test_bars_do_not_depend_on_how_scale_is_shared():
    model = random_ntd()
    W, H, Q = model.factors
    gains = np.array([10.0, 0.1])
    other = NTD(TuckerTensor((3 * model.core * gains, [W / 3, H, Q / gains])))
    np.testing.assert_allclose(model.reconstruct(), other.reconstruct())
    np.testing.assert_allclose(of_bars(model, 9), of_bars(other, 9))
    slices = [np.linalg.norm(W @ model.core[..., k] @ H.T) for k in range(2)]
    np.testing.assert_allclose(of_bars(model, 9), Q * slices)

    W, H = np.random.default_rng(1).random((2, 7, 7))
    np.testing.assert_allclose(of_bars(NMF(W, H), 7), of_bars(NMF(2 * W, H / 2), 7))


def test_a_model_without_bar_mode_is_read_by_its_activations():
    activations = np.arange(12.0).reshape(2, 6)  # 2 templates, 3 frames in 2 bars
    X = of_bars(NMF(np.eye(2), activations), 2)
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
        ("sections.lab", "zero nine verse\n", "start, end and label"),
        ("sections.lab", "0 9 verse\n5 12 chorus\n", "line 2: starts at 5 s"),
        ("sections.lab", "9 0 verse\n", "line 1: ends at 0 s"),
        ("sections.lab", "0 900 verse\n900 990 chorus\n", "of another recording"),
        ("beats.csv", "", "time and position"),
        ("beats.csv", "time,position\nx,1\n", "time and position"),
        ("beats.csv", "time,position\n1,1\n2,2\n", "begin a bar"),
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
        beats_from=tmp_path / "beats.csv",
        sections_from=tmp_path / "sections.lab",
    )
    with pytest.raises(InputError, match=rf"{name}: .*{advice}"):
        _ = track.sections if name == "sections.lab" else track.downbeats


def test_labels_may_have_spaces_and_lines_may_be_parted_by_them(song, tmp_path):
    (tmp_path / "sections.lab").write_text(
        "0 4.5 first verse\n\n4.5\t9\tchorus\n", encoding="utf-8"
    )
    track = Track("s", song.stem_files, sections_from=tmp_path / "sections.lab")
    assert track.sections["label"].tolist() == ["first verse", "chorus"]


def test_similarity_of_sections_is_what_the_decoder_saw(short, task):
    estimate = solve(task, barwise_ssm())[short.id]
    X = task.represent(short).T
    assert any(
        np.allclose(estimate.evidence.similarity, self_similarity(X, kind))
        for kind in ("cosine", "autocorrelation", "rbf")
    )
