"""The published site: what it takes from results files, and what it writes."""

import base64
import gzip
import io
import json
import os
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from published_site import (
    EVIL,
    FRAME,
    FREQUENCIES,
    RATE,
    factors,
    make_benchmarks,
    make_site,
    recording,
    results,
)

from musaic_core.publish import tables
from musaic_core.publish.__main__ import main
from musaic_core.publish.pack import encode_audio, write_once, write_report
from musaic_core.publish.results import describe, incomplete, read_latest, readable
from musaic_core.publish.tracks import EXCERPT, pack_factors
from musaic_core.results.pictures import save_factors
from musaic_core.results.statistics import ranking, score_table


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
    return base64.b64decode(re.fullmatch(r'unpack\("(.*)"\)', file.read_text())[1])


def test_the_newest_file_that_can_be_read_is_shown_and_broken_ones_are_named(
    benchmarks,
):
    outputs = benchmarks / "amt" / "outputs"
    (outputs / "cut.parquet").write_bytes((outputs / "run.parquet").read_bytes()[:500])
    pd.DataFrame({"solver_name": ["nmf"]}).to_parquet(outputs / "other.parquet")
    os.utime(outputs / "run.parquet", (0, 0))
    benchmark, problems = read_latest(benchmarks / "amt")
    assert benchmark.file == outputs / "run.parquet"
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
    assert any("basic_pitch on tiny a: 1 of 5" in problem for problem in problems)


def test_names_of_corpora_are_readable():
    assert readable("mini[part=piano,timbre=seen]") == "mini piano seen"
    assert readable("folder[learn_from=None,path=/my/x]") == "folder /my/x"
    assert readable("Task[beta=1,model=nmf]", with_base=False) == "β=1 nmf"


def test_the_kind_of_a_solver_follows_from_its_class_and_what_it_saved(amt):
    rows = amt.rows
    kinds = {n: describe(amt, run) for n, run in rows.groupby("solver_name")}
    fixed, blind = "nmf[beta=1,dictionary=fixed]", "nmf[beta=2,dictionary=blind]"
    assert kinds[fixed]["kind"] == kinds[blind]["kind"] == "factorization"
    assert (kinds[fixed]["beta"], kinds[fixed]["training"]) == ("1", "yes")
    assert (kinds[blind]["beta"], kinds[blind]["training"]) == ("2", "no")
    assert (kinds[fixed]["depth"], kinds["basic_pitch"]["depth"]) == ("1", "")
    run = rows[rows["solver_name"] == blind].assign(p_solver_coarse=16)
    assert describe(amt, run)["depth"] == "2"
    assert kinds["silence"]["kind"] == "baseline or oracle"
    assert kinds["basic_pitch"]["kind"] == "learned"
    run = rows[rows["solver_name"] == "basic_pitch"]
    saved = amt.file.parent / run["objective_files"].iloc[0] / "factors.npz"
    saved.touch()
    assert describe(amt, run)["kind"] == "hybrid"


def test_solvers_share_a_rank_where_the_paired_test_does_not_tell_them_apart(amt):
    rows = amt.rows.copy()
    twin = rows[rows["label"] == "basic_pitch"].assign(label="twin")
    twin["objective_value"] += np.array([1, -1, 1, -1, 0.1]) * 1e-3
    table = score_table(pd.concat([rows, twin]), "all", "objective_value")
    ranks = ranking(table)["rank"]
    assert ranks["nmf β=1 fixed"] == 1
    assert ranks["basic_pitch"] == ranks["twin"] == 2
    assert ranks["silence"] == 5


def test_a_lower_divergence_is_better_and_one_recording_has_no_rank(amt, tmp_path):
    folder = tmp_path / "factorization"
    amt.folder = folder
    amt.rows = amt.rows[amt.rows["objective_track"] == "one"]
    amt.solvers = {}
    table = tables.scores([amt])
    assert table["label"].iloc[0] == "silence"
    assert table["rank"].isna().all()


@given(
    st.lists(st.tuples(*2 * [st.integers(0, 5) | st.just(np.nan)]), max_size=20),
)
def test_what_is_on_the_front_is_beaten_by_none_and_beats_the_rest(points):
    costs, qualities = np.array(points, float).reshape(-1, 2).T
    on = tables.front(costs, qualities)

    def beats(i, j):
        as_good = costs[i] <= costs[j] and qualities[i] >= qualities[j]
        return as_good and (costs[i] < costs[j] or qualities[i] > qualities[j])

    for j in np.flatnonzero(np.isfinite(costs) & np.isfinite(qualities)):
        beaten = any(beats(i, j) for i in np.flatnonzero(on))
        assert on[j] != beaten
    assert not on[np.isnan(costs) | np.isnan(qualities)].any()


def test_sentences_say_what_the_table_does(amt):
    amt.rows.loc[amt.rows["label"] == "silence", "objective_value"] += 0.95
    table = tables.scores([amt])
    [(corpus, text)] = tables.sentences(table, amt)
    best = table[table["label"] == "nmf β=1 fixed"].iloc[0]
    assert corpus == "tiny a"
    assert text.startswith(f"nmf β=1 fixed has the highest mean, {best.score:.3f} (")
    assert "ahead of every other model by more than chance" in text
    assert "Above it, baselines and oracles: silence at 0.950" in text


def test_audio_keeps_its_length_and_its_place():
    y = np.stack([recording(), recording()]) * np.linspace(0, 1, len(recording()))
    decoded, sr = soundfile.read(io.BytesIO(encode_audio(y, RATE)))
    assert len(decoded) / sr == pytest.approx(y.shape[1] / RATE, abs=0.001)
    times = np.arange(len(decoded)) / sr
    expected = np.interp(times, np.arange(y.shape[1]) / RATE, y[0])
    assert np.corrcoef(decoded, expected)[0, 1] > 0.98


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
        f'<img src="data:image/png;base64,{encoded}"><a href="x_1.parquet">data</a>'
    )
    write_report(source, tmp_path / "amt.html", "amt.parquet")
    text = gzip.decompress(unpacked(tmp_path / "amt.js")).decode()
    assert "a.org" not in text
    assert 'href="amt.parquet"' in text
    assert "data:image/webp;base64," in text
    assert len(text) < len(encoded) / 4


def test_every_page_is_there_and_every_link_leads_to_a_file(site):
    pages = list(site.rglob("*.html"))
    # index, 3 benchmarks and a report, 3 solvers, 5 recordings
    assert len(pages) == 13
    for page in pages:
        for link in re.findall(r'(?:href|src)="([^"#]+)', page.read_text()):
            if not link.startswith("data:"):
                assert (page.parent / link).resolve().is_file(), (page, link)


def test_nothing_is_asked_of_another_machine(site):
    for file in site.rglob("*"):
        if file.suffix in {".html", ".css"} or file.parent.name == "static":
            text = file.read_text()
            assert not re.search(r"""(src|href|url)\s*[=(]\s*["']?(https?:)?//""", text)
            assert "@import" not in text


def test_names_from_files_are_text(site):
    for page in site.rglob("*.html"):
        assert EVIL not in page.read_text()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in (site / "index.html").read_text()


def test_every_page_tells_how_its_numbers_were_made(site):
    for page in [p for p in site.rglob("*.html") if p.parent.name != "reports"]:
        text = page.read_text()
        for known in ("Test CPU", "numpy 2.9", "2026-01-02 03:04", "run.parquet"):
            assert known in text
        assert "python -m musaic_core.publish --benchmarks" in text
    assert "<td>7</td>" in text  # the seed


def test_the_table_can_be_had_as_csv(site):
    table = pd.read_csv(site / "scores.csv")
    assert len(table) == 3 * 4
    best = table[(table["task"] == "amt") & (table["rank"] == 1)].iloc[0]
    assert f"{best['score']:.3f}" in (site / "benchmarks" / "amt.html").read_text()
    assert best["low"] < best["score"] < best["high"]


def test_missing_recordings_and_folders_are_named_and_the_rest_is_published(
    benchmarks, tmp_path
):
    (benchmarks / "mss" / "outputs" / "run.parquet").write_bytes(b"PAR1")
    (benchmarks / "msa" / "datasets" / "tiny.py").unlink()
    outputs = benchmarks / "amt" / "outputs"
    saved = pd.read_parquet(outputs / "run.parquet")["objective_files"]
    shutil.rmtree(outputs / saved[0])
    (outputs / saved[1] / "notes.npz").write_bytes(b"broken")
    site = tmp_path / "results"
    main(["--benchmarks", str(benchmarks), "--output", str(site)])
    index = (site / "index.html").read_text()
    assert "mss/outputs/run.parquet: can&#39;t be used" in index
    assert "tiny[part=a]: its recordings were not found" in index
    page = (site / "tracks" / "tiny-one.html").read_text()
    assert f"{saved[0]}: not there any more" in page
    assert f"{saved[1]}: " in page
    data = json.loads(gzip.decompress(unpacked(site / "data" / "tiny-one.js")))
    assert sum("notes" in answer for answer in data["answers"]) == 2
    assert (site / "benchmarks" / "amt.html").exists()


def test_a_folder_of_other_things_is_left_alone(benchmarks, tmp_path, capsys):
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("precious")
    with pytest.raises(SystemExit):
        main(["--benchmarks", str(benchmarks), "--output", str(other)])
    assert "choose a new folder" in capsys.readouterr().err
    assert [file.name for file in other.iterdir()] == ["thesis.tex"]


def test_a_site_is_replaced_and_comes_out_the_same(site):
    def content():
        return {
            file.relative_to(site): file.read_bytes()
            for file in site.rglob("*")
            if file.is_file()
        }

    before = content()
    main(["--benchmarks", str(site.parent / "benchmarks"), "--output", str(site)])
    after = content()
    assert set(after) == set(before)
    different = [file for file in after if after[file] != before[file]]
    for file in different:  # an Ogg file carries a random number, and its checksum
        assert b"OggS" in unpacked(site / file)
