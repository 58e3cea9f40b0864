"""The published site: what it takes from results files, and what it writes."""

import base64
import gzip
import io
import json
import os
import pickle
import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile
from benchopt.results.parquet import PICKLE_PREFIX
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from published_site import (
    EVIL,
    FRAME,
    FREQUENCIES,
    RATE,
    factors,
    guided,
    make_benchmarks,
    make_site,
    recording,
    results,
    write_results,
)

from musaic_core.publish import tables
from musaic_core.publish.__main__ import main
from musaic_core.publish.curves import learning_curves
from musaic_core.publish.folder import MARKER, replaced_folder
from musaic_core.publish.guided import gains_of
from musaic_core.publish.pack import (
    LARGEST,
    encode_audio,
    with_serial,
    write_once,
    write_report,
)
from musaic_core.publish.results import describe, incomplete, read_latest, readable
from musaic_core.publish.tracks import EXCERPT, find_recordings, pack_factors
from musaic_core.results.saved import save_factors
from musaic_core.results.statistics import front


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    return make_site(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="session")
def original_benchmarks(tmp_path_factory):
    return make_benchmarks(tmp_path_factory.mktemp("made"))


@pytest.fixture
def benchmarks(original_benchmarks, tmp_path):
    shutil.copytree(original_benchmarks.parent, tmp_path / "suite", symlinks=True)
    return tmp_path / "suite" / "benchmarks"


@pytest.fixture
def amt(benchmarks):
    benchmark, _ = read_latest(benchmarks / "amt")
    tables.label_all([benchmark])
    return benchmark


def unpacked(file):
    text = file.read_text(encoding="utf-8")
    return base64.b64decode(re.fullmatch(r'unpack\("(.*)"\)', text)[1])


def unpacked_json(file):
    return json.loads(gzip.decompress(unpacked(file)))


def publish(benchmarks, folder, *arguments):
    main(["--benchmarks", str(benchmarks), "--output", str(folder), *arguments])
    return folder


def content(folder):
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def rewrite(benchmarks, task, change):
    """Change the results file of a benchmark: `change` is given and gives its rows."""
    file = benchmarks / task / "outputs" / "run.parquet"
    change(pd.read_parquet(file)).to_parquet(file)


def test_the_newest_file_that_can_be_read_is_shown_and_broken_ones_are_named(
    benchmarks,
):
    outputs = benchmarks / "amt" / "outputs"
    (outputs / "cut.parquet").write_bytes((outputs / "run.parquet").read_bytes()[:500])
    pd.DataFrame({"solver_name": ["nmf"]}).to_parquet(outputs / "other.parquet")
    os.utime(outputs / "run.parquet", (0, 0))
    benchmark, problems = read_latest(benchmarks / "amt")
    assert benchmark.files == [outputs / "run.parquet"]
    assert len(problems) == 2
    assert any("cut.parquet" in problem for problem in problems)
    assert any("other.parquet: can't be used (lacks" in p for p in problems)


def test_a_benchmark_without_results_is_named_with_the_command_that_makes_them(
    tmp_path,
):
    benchmark, [problem] = read_latest(tmp_path / "amt")
    assert benchmark is None
    assert problem.endswith(f"run benchopt run {tmp_path / 'amt'}")


def test_missing_rows_and_failed_recordings_are_named():
    rows = results().assign(corpus="tiny a")
    rows.loc[0, "objective_error"] = "one.wav: no such file"
    problems = incomplete(rows.drop(index=[6]))
    assert any("one.wav: no such file (nmf[" in problem for problem in problems)
    assert any(
        "nmf[beta=2,dictionary=blind] on tiny a: 1 of 5" in problem
        for problem in problems
    )


def test_names_of_corpora_are_readable():
    assert readable("mini[part=piano,timbre=seen]") == "mini piano seen"
    assert readable("folder[learn_from=None,path=/my/x]") == "folder /my/x"
    assert readable("folder[hints=False,path=/my/x]") == "folder /my/x"
    assert readable("folder[hints=True,path=/my/x]") == "folder hints /my/x"
    assert readable("Task[beta=1,model=nmf]", with_base=False) == "β=1 nmf"


def test_the_kind_of_a_solver_is_what_it_says(amt):
    rows = amt.rows
    found = {n: describe(run) for n, run in rows.groupby("solver_name")}
    fixed, blind = "nmf[beta=1,dictionary=fixed]", "nmf[beta=2,dictionary=blind]"
    assert found[fixed] == {"kind": "low-rank", "beta": "1", "training": "yes"}
    assert found[blind] == {"kind": "low-rank", "beta": "2", "training": "no"}
    assert found["network"] == {"kind": "learned", "beta": "", "training": "yes"}
    assert found["silence"] == {"kind": "floor", "beta": "", "training": ""}


def test_what_a_page_says_of_a_task_is_asked_of_its_objective(amt, benchmarks):
    assert (amt.title, amt.lower_is_better) == ("Transcription", False)
    loss, _ = read_latest(benchmarks / "loss")
    assert (loss.title, loss.lower_is_better) == ("Approximation", True)
    (benchmarks / "msa" / "objective.py").write_text(
        "import nothing_like_it", encoding="utf-8"
    )
    benchmark, [problem] = read_latest(benchmarks / "msa")
    assert benchmark is None
    assert "its objective.py can't be loaded" in problem


def test_of_a_curve_the_lowest_loss_counts_and_one_recording_has_no_rank(benchmarks):
    loss, _ = read_latest(benchmarks / "loss")
    tables.label_all([loss])
    table = tables.scores([loss]).set_index("label")
    assert table.index[0] == "nmf β=1 fixed"
    assert table.loc["silence", "score"] == pytest.approx(1.1, abs=0.06)
    assert table["rank"].isna().all()
    assert table.loc["silence", "time"] == pytest.approx(0.4)
    assert table["time_fit"].isna().all()
    [(_, text)] = tables.sentences(tables.scores([loss]), loss)
    assert text.startswith("nmf β=1 fixed has the lowest mean")


def test_floors_and_oracles_have_no_rank_and_are_on_no_front(amt):
    table = tables.scores([amt])
    apart = table[table["apart"]]
    assert apart["label"].tolist() == ["ideal", "silence"]
    assert table.index[-2:].equals(apart.index)
    assert apart["rank"].isna().all()
    assert table["rank"].dropna().tolist() == [1, 2, 3]


def test_a_solver_that_fails_shrinks_nobody_and_is_marked_everywhere(
    benchmarks, tmp_path
):
    whole = tables.scores([read_and_label(benchmarks)]).set_index("label")

    def fail(rows):
        failed = (rows["solver_name"] == "network") & (rows["objective_track"] != "one")
        rows.loc[failed, "objective_value"] = np.nan
        rows.loc[failed, "objective_error"] = "it broke"
        rows.loc[failed, "objective_duration"] = np.nan
        return rows

    rewrite(benchmarks, "amt", fail)
    table = tables.scores([read_and_label(benchmarks)]).set_index("label")
    for label in ("nmf β=1 fixed", "nmf β=2 blind", "silence", "ideal"):
        for column in ("score", "n", "low", "high"):
            same = table.loc[label, column] == whole.loc[label, column]
            assert same, (label, column)
    assert table.loc["network", ["n", "of"]].tolist() == [1, 5]
    assert pd.isna(table.loc["network", "rank"])
    site = publish(benchmarks, tmp_path / "results")
    page = (site / "benchmarks" / "amt.html").read_text("utf-8")
    assert "1 of 5 recordings" in page
    assert "network has 1 of 5 recordings alone" in page
    assert len(list(site.glob("tracks/*.html"))) == 5  # failing ones are not apart


@pytest.mark.slow
def test_scores_on_recordings_stand_on_a_page_of_their_own(benchmarks, tmp_path):
    """And of recordings that may not be published, nothing else is shown."""
    outside = tmp_path / "mine"
    outside.mkdir()
    shutil.copy(benchmarks.parent / "recordings" / "recording.ogg", outside)
    mine = results().assign(
        dataset_name="folder[path=~/mine]",
        objective_audio=str(outside / "recording.ogg"),
        objective_value=0.125,
    )
    write_results(benchmarks / "amt", "mine.parquet", mine)
    files = [benchmarks / "amt" / "outputs" / f"{n}.parquet" for n in ("run", "mine")]
    site = publish(benchmarks, tmp_path / "site", *map(str, files))
    index, page = (
        (site / f"{name}.html").read_text("utf-8") for name in ("index", "recordings")
    )
    assert "0.125" in page
    assert "0.125" not in index.split('id="points"')[0]
    assert 'href="recordings.html"' in index
    assert "tiny a" not in page.split("<footer>")[0]
    assert not list(site.glob("tracks/folder-*"))
    for name, file in (("amt", files[0]), ("amt-2", files[1])):
        copy = site / "reports" / f"{name}.parquet"
        assert copy.read_bytes() == file.read_bytes()
        assert f"reports/{name}.parquet" in (
            site / "benchmarks" / "amt.html"
        ).read_text("utf-8")
    assert index.count("mine.parquet") == 1  # the footer says where numbers are from
    assert str(outside) not in index
    site = publish(
        benchmarks, tmp_path / "site", *map(str, files), "--audio", str(outside)
    )
    assert list(site.glob("tracks/folder-*"))


def test_of_a_run_that_two_files_have_the_first_counts(benchmarks):
    outputs = benchmarks / "amt" / "outputs"
    rows = results().assign(objective_value=0.25)
    rows.to_parquet(outputs / "again.parquet")
    files = [outputs / "again.parquet", outputs / "run.parquet"]
    benchmark, problems = read_latest(benchmarks / "amt", files)
    assert not problems
    assert benchmark.files == files[:1]
    assert (benchmark.rows["objective_value"] == 0.25).all()
    assert len(benchmark.rows) == len(rows)


def test_guided_runs_stand_beside_the_scores_and_are_none(benchmarks):
    outputs = benchmarks / "amt" / "outputs"
    guided().to_parquet(outputs / "guided.parquet")
    plain = results().assign(objective_name="Task[hints=0,wrong_hints=0]")
    plain = plain.assign(objective_purity=0.25 + (plain["p_solver_beta"] == 1) / 2)
    plain.to_parquet(outputs / "run.parquet")
    files = [outputs / "run.parquet", outputs / "guided.parquet"]
    benchmark, problems = read_latest(benchmarks / "amt", files)
    assert not problems
    assert not benchmark.problems
    assert benchmark.files == files
    assert len(benchmark.provenance) == 2
    assert set(benchmark.rows["corpus"]) == {"tiny a"}
    tables.label_all([benchmark])
    table = tables.scores([benchmark])
    assert table["score"].max() > 0.9  # and not the 0.1 of guided ones
    steered = table.set_index("label")[["steering_gain", "hints", "purity"]]
    assert steered.loc["nmf β=1 fixed"].tolist() == pytest.approx([0.04, 4, 0.75])
    assert steered.loc["network"].isna().tolist()[:2] == [True, True]
    [(_, text)] = tables.sentences(table, benchmark)
    assert "The purest components are those of nmf β=1 fixed (0.75)" in text
    assert "By 4 hints nmf β=1 fixed gains most where none was given (+0.040)" in text
    pages = {page.id: page for page in find_recordings([benchmark])}
    gains = {curve["name"]: curve["gains"] for curve in gains_of(pages["one"])}
    # those with wrong hints are another matter
    assert gains["Transcription, tiny a: nmf β=1 fixed"] == [[1, 0.01], [4, 0.04]]
    assert not any("network" in name for name in gains)


def test_problems_are_the_same_whatever_users_say(benchmarks):
    names = ["A[hints=0,phase=x,wrong_hints=0.1]", "A[phase=x]", "A", "A[hints=0]"]
    outputs = benchmarks / "amt" / "outputs"
    found = []
    for name in names:
        results().assign(objective_name=name).to_parquet(outputs / "run.parquet")
        benchmark, _ = read_latest(benchmarks / "amt")
        found += benchmark.rows["objective_name"].unique().tolist()
    assert found == ["A[phase=x]", "A[phase=x]", "A", "A"]


def test_what_is_neither_heard_nor_seen_has_no_page(site):
    assert pd.read_parquet(site / "reports" / "loss.parquet")["objective_files"].all()
    assert len(list(site.glob("tracks/*.html"))) == 5
    assert len(list(site.glob("data/tiny-*.js"))) == 5


def read_and_label(benchmarks, task="amt"):
    benchmark, _ = read_latest(benchmarks / task)
    tables.label_all([benchmark])
    return benchmark


def test_repetitions_say_how_much_is_chance(benchmarks, tmp_path):
    results(3).to_parquet(benchmarks / "amt" / "outputs" / "run.parquet")
    benchmark = read_and_label(benchmarks)
    table = tables.scores([benchmark])
    assert (table["n"] == 5).all()
    assert (
        table["interval"]
        .str.fullmatch(r"± \d\.\d{3} \(recordings \d\.\d{3}, chance \d\.\d{3}\)")
        .all()
    )
    index = (publish(benchmarks, tmp_path / "site") / "index.html").read_text("utf-8")
    assert re.search(r"recordings \d\.\d{3}, chance \d\.\d{3}", index)
    assert "3 repetitions" in index
    once = tables.scores([read_and_label(benchmarks, "mss")])
    assert once["interval"].str.endswith("chance: not measured (-r 3 does)").all()


def test_fit_and_predict_are_two_columns(amt, site):
    table = tables.scores([amt]).set_index("label")
    assert table.loc["network", "time_fit"] == pytest.approx(30.7)
    assert table.loc["network", "time_predict"] == pytest.approx(7.7 * 60 / 14)
    assert table["time"].isna().all()
    page = (site / "benchmarks" / "amt.html").read_text("utf-8")
    assert "fit: s, training and tuning of a run" in page
    assert "predict: s for a minute of music" in page
    page = (site / "benchmarks" / "loss.html").read_text("utf-8")
    assert "time: s" in page
    assert "predict" not in page


@given(
    st.lists(st.tuples(*2 * [st.integers(0, 5) | st.just(np.nan)]), max_size=20),
)
def test_what_is_on_the_front_is_beaten_by_none_and_beats_the_rest(points):
    costs, qualities = np.array(points, float).reshape(-1, 2).T
    on = front(costs, qualities)

    def beats(i, j):
        as_good = costs[i] <= costs[j] and qualities[i] >= qualities[j]
        return as_good and (costs[i] < costs[j] or qualities[i] > qualities[j])

    for j in np.flatnonzero(np.isfinite(costs) & np.isfinite(qualities)):
        beaten = any(beats(i, j) for i in np.flatnonzero(on))
        assert on[j] != beaten
    assert not on[np.isnan(costs) | np.isnan(qualities)].any()


def test_sentences_say_what_the_table_does(amt):
    table = tables.scores([amt])
    [(corpus, text)] = tables.sentences(table, amt)
    best = table[table["label"] == "nmf β=1 fixed"].iloc[0]
    assert corpus == "tiny a"
    assert text.startswith(f"nmf β=1 fixed has the highest mean, {best.score:.3f} ± ")
    assert "ahead of every other model by more than chance" in text
    ideal = table.set_index("label").loc["ideal", "score"]
    assert f"Beside them stand ideal (oracle) at {ideal:.3f}, silence (floor)" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.00012, "< 0.001"),
        (0.01234, "0.0123"),
        (7.0, "7.00"),
        (1234567.0, "1,230,000"),
    ],
)
def test_costs_have_three_digits(value, text):
    assert tables.cost(value) == text
    assert tables.cost(None) == "–"


def test_audio_keeps_its_length_and_its_place():
    y = np.stack([recording(), recording()]) * np.linspace(0, 1, len(recording()))
    decoded, sr = soundfile.read(io.BytesIO(encode_audio(y, RATE)))
    assert len(decoded) / sr == pytest.approx(y.shape[1] / RATE, abs=0.001)
    times = np.arange(len(decoded)) / sr
    expected = np.interp(times, np.arange(y.shape[1]) / RATE, y[0])
    assert np.corrcoef(decoded, expected)[0, 1] > 0.98


def test_audio_comes_out_the_same_each_time_and_can_still_be_read():
    y = recording()[None]
    assert encode_audio(y, RATE) == encode_audio(y, RATE)
    other = with_serial(encode_audio(y, RATE), 0x12345678)
    assert other != encode_audio(y, RATE)
    # libogg leaves out pages whose checksum is wrong
    decoded = [soundfile.read(io.BytesIO(a))[0] for a in (other, encode_audio(y, RATE))]
    np.testing.assert_array_equal(*decoded)
    assert len(decoded[0]) == pytest.approx(24000 * len(y[0]) / RATE, abs=24)


def test_an_ogg_page_has_the_checksum_that_libogg_gives_it():
    file = io.BytesIO()
    soundfile.write(file, recording(), RATE, format="OGG", subtype="VORBIS")
    ogg = file.getvalue()
    serial = int.from_bytes(ogg[14:18], "little")
    assert with_serial(ogg, serial) == ogg


def test_equal_data_is_one_file(tmp_path):
    names = {write_once(data, tmp_path, bytes.upper) for data in (b"a", b"b", b"a")}
    assert len(names) == len(list(tmp_path.iterdir())) == 2
    assert {unpacked(tmp_path / name) for name in names} == {b"A", b"B"}


def test_factors_are_kept_to_two_decibels_without_what_is_silent(tmp_path):
    file = tmp_path / "factors.npz"
    save_factors(factors(), ["low", "high", "no"], FREQUENCIES, FRAME, file)
    line, body = pack_factors(file, 1.0).split(b"\n", 1)
    header = json.loads(line)
    R, F, T = header["shape"]
    assert header["names"] == ["high", "low"]
    assert round(EXCERPT / FRAME) == T
    W = np.frombuffer(body, np.uint8)[: R * F].reshape(R, F).astype(float)
    true = factors().templates[:, [1, 0]].T
    level = 30 + 10 * np.log10(true / true.max(1, keepdims=True))
    assert np.abs(W - level.clip(0))[level > 1].max() <= 0.6
    assert len(body) == R * F + R * T


def test_a_report_asks_no_other_machine_and_its_pictures_shrink(tmp_path):
    picture = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (600, 600, 3), np.uint8)
    Image.fromarray(noise).save(picture, "PNG")
    encoded = base64.b64encode(picture.getvalue()).decode()
    source = tmp_path / "source.html"
    source.write_text(
        '<html><head><link href="https://a.org/a.css" rel="stylesheet">'
        '<script src="https://a.org/a.js"></script></head>'
        f'<img src="data:image/png;base64,{encoded}"><a href="x_1.parquet">data</a>',
        encoding="utf-8",
    )
    write_report(source, tmp_path / "amt.html", "amt.parquet")
    text = gzip.decompress(unpacked(tmp_path / "amt.js")).decode()
    assert "a.org" not in text
    assert 'href="amt.parquet"' in text
    assert "data:image/webp;base64," in text
    assert len(text) < len(encoded) / 4


def test_figures_that_make_a_report_large_are_left_out(tmp_path):
    plots = {"small": {"a": {"data": [1]}}, "large": {"a": {"data": [0] * LARGEST}}}
    options = "".join(f'<option value="{name}">{name}</option>' for name in plots)
    source = tmp_path / "source.html"
    source.write_text(
        f"<html><head></head>{options}<script>window._plots = {json.dumps(plots)};"
        f"</script>{options}</html>",
        encoding="utf-8",
    )
    write_report(source, tmp_path / "amt.html", "amt.parquet")
    text = gzip.decompress(unpacked(tmp_path / "amt.js")).decode()
    assert text.count('value="small"') == 2
    assert "large" not in text


def test_every_page_is_there_and_every_link_leads_to_a_file(site):
    pages = list(site.rglob("*.html"))
    # index, 4 benchmarks and a report, 4 solvers, 5 recordings
    assert len(pages) == 15
    for page in pages:
        for link in re.findall(r'(?:href|src)="([^"#]+)', page.read_text("utf-8")):
            if not link.startswith("data:"):
                assert (page.parent / link).resolve().is_file(), (page, link)


def test_nothing_is_asked_of_another_machine(site):
    for file in site.rglob("*"):
        if file.suffix in {".html", ".css"} or file.parent.name == "static":
            text = file.read_text("utf-8")
            assert not re.search(r"""(src|href|url)\s*[=(]\s*["']?(https?:)?//""", text)
            assert "@import" not in text


def test_names_from_files_are_text(site):
    for page in site.rglob("*.html"):
        assert EVIL not in page.read_text("utf-8")
    index = (site / "index.html").read_text("utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in index


def test_every_page_tells_how_its_numbers_were_made(site):
    for page in [p for p in site.rglob("*.html") if p.parent.name != "reports"]:
        text = page.read_text("utf-8")
        for known in ("Test CPU", "numpy 2.9", "2026-01-02 03:04", "run.parquet"):
            assert known in text
        assert "<code>python -m musaic_core.publish</code>" in text
    assert "<td>7</td>" in text  # the seed


def test_losses_come_after_scores_and_all_else_is_by_title(site):
    index = (site / "index.html").read_text("utf-8")
    found = re.findall(r'<a href="benchmarks/(\w+).html"', index.partition("</nav>")[0])
    assert found == ["mss", "msa", "amt", "loss"]


def test_the_table_can_be_had_as_csv(site):
    table = pd.read_csv(site / "scores.csv")
    assert len(table) == 4 * 5
    best = table[(table["task"] == "amt") & (table["rank"] == 1)].iloc[0]
    page = (site / "benchmarks" / "amt.html").read_text("utf-8")
    assert f"{best['score']:.3f}" in page
    assert best["low"] < best["score"] < best["high"]


def test_a_page_has_what_the_task_shows_of_an_answer(site):
    data = unpacked_json(site / "data" / "tiny-one.js")
    answers = {a["id"]: a for a in data["answers"]}
    notes = answers["amt-tiny-a-network-0"]
    assert {k: len(v) for k, v in notes["notes"].items()} == {
        "found": 1,
        "missed": 0,
        "wrong": 1,
    }
    assert notes["text"] == "Two notes."
    assert data["reference"] == [[0.5, 3.0, 60]]
    assert data["sections"] == [[0, 7, "A"], [7, 14, "B"]]
    assert answers["msa-tiny-a-silence-0"]["sections"][0] == [0, 6.5, "A"]
    assert set(answers["mss-tiny-a-network-0"]["stems"]) == {"drums", "vocals"}
    # of a solver's variants, the best one alone
    assert "factors" in answers["amt-tiny-a-nmf-beta-1-fixed-0"]
    assert "factors" not in answers["amt-tiny-a-nmf-beta-2-blind-0"]
    assert data["duration"] == pytest.approx(14, abs=0.01)


def test_a_page_plays_the_sum_of_the_files_and_no_more_than_was_analysed(
    benchmarks, tmp_path
):
    stems = "recordings/drums.ogg;recordings/vocals.ogg"

    def middle(rows):
        return rows.assign(objective_audio=stems, objective_duration=6.0)

    rewrite(benchmarks, "mss", middle)
    site = publish(benchmarks, tmp_path / "site")
    pages = [unpacked_json(file) for file in (site / "data").glob("tiny-one*.js")]
    [data] = [p for p in pages if p["answers"][0]["task"] == "Separation"]
    assert data["duration"] == pytest.approx(6, abs=0.01)
    y, _ = soundfile.read(io.BytesIO(unpacked(site / "data" / data["recording"])))
    whole = recording()[4 * RATE : 10 * RATE]
    assert y.std() == pytest.approx(whole.std(), rel=0.05)
    assert {a["task"] for a in data["answers"]} == {"Separation"}


def test_missing_recordings_and_folders_are_named_and_the_rest_is_published(
    benchmarks, tmp_path
):
    (benchmarks / "mss" / "outputs" / "run.parquet").write_bytes(b"PAR1")
    outputs = benchmarks / "amt" / "outputs"
    saved = pd.read_parquet(outputs / "run.parquet")["objective_files"]
    shutil.rmtree(outputs / saved[0])
    (outputs / saved[1] / "notes.npz").write_bytes(b"broken")
    (benchmarks.parent / "recordings" / "recording.ogg").unlink()
    site = publish(benchmarks, tmp_path / "results")
    index = (site / "index.html").read_text("utf-8")
    assert "mss/outputs/run.parquet: can&#39;t be used" in index
    page = (site / "tracks" / "tiny-one.html").read_text("utf-8")
    assert "recording.ogg: no such file" in page
    assert f"{saved[0]}: not there any more" in page
    assert f"{saved[1]}: " in page
    data = unpacked_json(site / "data" / "tiny-one.js")
    assert sum("notes" in answer for answer in data["answers"]) == 3
    assert (site / "benchmarks" / "amt.html").exists()


# ---- what may be deleted


def test_a_folder_of_other_things_is_left_alone(benchmarks, tmp_path, capsys):
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("precious", encoding="utf-8")
    (other / "scores.csv").write_text("of mine", encoding="utf-8")
    before = content(other)
    with pytest.raises(SystemExit):
        publish(benchmarks, other)
    assert "choose a new folder" in capsys.readouterr().err
    assert content(other) == before
    assert {file.name for file in tmp_path.iterdir()} == {"other", "suite"}


@pytest.mark.slow
def test_what_was_put_into_a_published_folder_is_not_lost(benchmarks, tmp_path, capsys):
    site = publish(benchmarks, tmp_path / "site")
    (site / "data" / "thesis.tex").write_text("precious", encoding="utf-8")
    before = content(site)
    with pytest.raises(SystemExit):
        publish(benchmarks, site)
    assert "data/thesis.tex" in capsys.readouterr().err
    assert content(site) == before


@pytest.mark.slow
def test_a_failure_leaves_the_site_that_was_there(benchmarks, tmp_path, monkeypatch):
    site = publish(benchmarks, tmp_path / "site")
    before = content(site)

    def fail(*_):
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(tables, "sentences", fail)
    with pytest.raises(RuntimeError):
        publish(benchmarks, site)
    assert content(site) == before
    assert {file.name for file in tmp_path.iterdir()} == {"site", "suite"}


def test_where_the_folder_cannot_be_exchanged_the_old_one_stays(tmp_path, monkeypatch):
    site = tmp_path / "site"
    with replaced_folder(site) as new:
        (new / "a.txt").write_text("old", encoding="utf-8")
    rename = type(site).rename

    def fail(self, target):
        if "-new-" in self.name:
            raise OSError("busy")
        return rename(self, target)

    monkeypatch.setattr(type(site), "rename", fail)
    with pytest.raises(OSError, match="busy"), replaced_folder(site) as new:
        (new / "a.txt").write_text("new", encoding="utf-8")
    assert (site / "a.txt").read_text(encoding="utf-8") == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["site"]


def test_a_link_to_a_site_stays_a_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "site")
    for text in ("old", "new"):
        with replaced_folder(tmp_path / "link") as new:
            (new / "a.txt").write_text(text, encoding="utf-8")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "site" / "a.txt").read_text(encoding="utf-8") == "new"
    assert (tmp_path / "site" / MARKER).read_text(encoding="utf-8") == "a.txt\n"


# ---- what may be read

SECRET = "a password"


@pytest.fixture
def hostile(benchmarks, tmp_path):
    """A folder outside of the repository, and what a results file could say of it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.py").write_text(SECRET, encoding="utf-8")
    soundfile.write(outside / "secret.ogg", recording(), RATE)
    notes = np.array([[1.0, 2.0, 99]])
    np.savez(outside / "notes.npz", estimate=notes, reference=notes)
    return outside


def refuses(benchmarks, folder, capsys, *arguments):
    """Publish what must not be read; give the site's text and what was printed."""
    site = publish(benchmarks, folder, *arguments)
    printed = capsys.readouterr().out
    assert SECRET not in str(content(site))
    for file in site.glob("data/tiny*.js"):
        assert "[1.0, 2.0, 99]" not in str(unpacked_json(file))
    return site, printed


@pytest.mark.slow
@pytest.mark.parametrize("how", ["up", "absolute", "link", "link inside", "system"])
def test_answers_outside_of_the_outputs_are_not_read(
    benchmarks, hostile, tmp_path, capsys, how
):
    outputs = benchmarks / "amt" / "outputs"
    files = {
        "up": "../../../../outside",
        "absolute": str(hostile),
        "system": "../../../../../../../../../../etc",
        "link": "link",
        "link inside": "mine",
    }[how]
    (outputs / "link").symlink_to(hostile)
    (outputs / "mine").mkdir()
    (outputs / "mine" / "notes.npz").symlink_to(hostile / "notes.npz")
    rewrite(benchmarks, "amt", lambda rows: rows.assign(objective_files=files))
    site, printed = refuses(benchmarks, tmp_path / "site", capsys)
    data = unpacked_json(site / "data" / "tiny-one.js")
    assert not any("notes" in answer for answer in data["answers"])
    assert any("leads out of" in text for text in data["missing"])
    assert "! an answer of Transcription lies outside of the repository" in printed
    page = (site / "tracks" / "tiny-one.html").read_text("utf-8")
    assert "leads out of" in page


@pytest.mark.slow
@pytest.mark.parametrize("how", ["up", "absolute", "second", "link"])
def test_recordings_outside_of_the_repository_are_not_read(
    benchmarks, hostile, tmp_path, capsys, how
):
    link = benchmarks.parent / "recordings" / "link.ogg"
    link.symlink_to(hostile / "secret.ogg")
    audio = {
        "up": "../outside/secret.ogg",
        "absolute": str(hostile / "secret.ogg"),
        "second": f"recordings/recording.ogg;{hostile / 'secret.ogg'}",
        "link": "recordings/link.ogg",
    }[how]
    for task in ("amt", "mss", "msa"):
        rewrite(benchmarks, task, lambda rows: rows.assign(objective_audio=audio))
    site, printed = refuses(benchmarks, tmp_path / "site", capsys)
    assert not (site / "data" / "tiny-one.js").exists()
    assert "! a recording of" in printed
    assert "--audio FOLDER" in printed
    site, printed = refuses(
        benchmarks, tmp_path / "site", capsys, "--audio", str(hostile)
    )
    assert unpacked_json(site / "data" / "tiny-one.js")["recording"]
    assert "! a recording of" not in printed


@pytest.mark.slow
@pytest.mark.parametrize("how", ["up", "absolute", "link", "no Python", "system"])
def test_sources_outside_of_the_repository_are_not_read(
    benchmarks, hostile, tmp_path, capsys, how
):
    (benchmarks.parent / "solvers" / "link.py").symlink_to(hostile / "secret.py")
    (benchmarks.parent / "passwords.txt").write_text(SECRET, encoding="utf-8")
    file = {
        "up": "../../../outside/secret.py",
        "absolute": str(hostile / "secret.py"),
        "link": "solvers/link.py",
        "no Python": "../../passwords.txt",
        "system": "../../../../../../../../../etc/passwd",
    }[how]
    for task in ("amt", "mss", "msa", "loss"):
        rewrite(benchmarks, task, lambda rows: rows.assign(file_solver=file))
    site, printed = refuses(benchmarks, tmp_path / "site", capsys)
    assert not list(site.glob("solvers/*.txt"))
    assert "! nmf: " in printed


class Payload:
    """An object that does something when it is unpickled."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return open, (str(self.file), "w")


def test_objects_in_a_results_file_are_not_unpacked(benchmarks, tmp_path):
    packed = PICKLE_PREFIX + pickle.dumps(Payload(tmp_path / "ran"))
    rewrite(benchmarks, "amt", lambda rows: rows.assign(objective_other=packed))
    benchmark, problems = read_latest(benchmarks / "amt")
    assert problems == []
    assert "objective_other" not in benchmark.rows
    rewrite(benchmarks, "amt", lambda rows: rows.assign(objective_files=packed))
    read_latest(benchmarks / "amt")
    rewrite(benchmarks, "amt", lambda rows: rows.assign(solver_name=packed))
    _, problems = read_latest(benchmarks / "amt")
    assert "has packed objects in solver_name" in problems[0]
    assert not (tmp_path / "ran").exists()


# ---- the same bytes


@pytest.mark.slow
def test_the_same_results_give_the_same_bytes(benchmarks, site, tmp_path):
    again = publish(benchmarks, tmp_path / "elsewhere")
    first, second = content(site), content(again)
    assert set(first) - {"reports/amt.html", "reports/amt.js"} == set(second)
    report = "benchmarks/amt.html"  # the first site has benchopt's report too
    different = [file for file in second if first[file] != second[file]]
    assert set(different) <= {report, MARKER}
    assert content(publish(benchmarks, again)) == second


@pytest.mark.slow
def test_an_old_terminal_and_its_encoding_change_nothing(benchmarks, tmp_path):
    folder = tmp_path / "música"
    folder.mkdir()
    error = "música β: broken"
    rewrite(benchmarks, "amt", lambda rows: rows.assign(objective_error=error))
    first = content(publish(benchmarks, tmp_path / "plain"))
    # benchopt itself can't be imported where files are ASCII
    script = """if True:
        import pathlib
        plain = pathlib.Path.read_text
        pathlib.Path.read_text = lambda file: plain(file, encoding="utf-8")
        import benchopt
        pathlib.Path.read_text = plain
        from musaic_core.publish.__main__ import main
        main()
    """
    given = ["--benchmarks", str(benchmarks), "--output", str(folder / "site")]
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", script, *given],
        env=os.environ | {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert rb"m\xfasica \u03b2: broken" in done.stdout
    assert content(folder / "site") == first


# how training went


def test_the_page_of_a_network_has_its_losses_and_no_other_page_has_any(site):
    text = (site / "solvers/network.html").read_text(encoding="utf-8")
    curves = json.loads(re.search(r'id="curves">(.*?)</script>', text)[1])
    assert [c["name"] for c in curves if "Transcription" in c["name"]] == [
        "Transcription, tiny a: network"
    ]
    assert curves[0]["networks"] == [
        {
            "steps": [10, 20, 30],
            "training": [0.5, 0.3, 0.2],
            "held_out": [0.6, 0.4, 0.45],
        },
        {"steps": [10], "training": [0.7], "held_out": [None]},
    ]
    assert "curves" not in (site / "solvers/nmf.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["[[[1, 2]]]", "[[[", "3", '[[["a", 1, 2]]]', "[[]]"])
def test_losses_that_cannot_be_read_are_a_line_and_lose_no_page(amt, text):
    amt.rows["objective_losses"] = text
    assert learning_curves([(amt, amt.rows)]) == []
    assert all("losses can't be read" in problem for problem in amt.problems)
    assert amt.problems
