"""The published site: the pages that are written, and what is on them."""

import io
import json
import os
import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest
import soundfile
from published_site import (
    EVIL,
    RATE,
    content,
    publish,
    recording,
    results,
    rewrite,
    unpacked,
    unpacked_json,
    write_results,
)

from musaic_core.data.paths import join_paths
from musaic_core.publish.folder import MARKER

pytest_plugins = ["published_site"]


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


def test_what_is_neither_heard_nor_seen_has_no_page(site):
    assert pd.read_parquet(site / "reports" / "loss.parquet")["objective_files"].all()
    assert len(list(site.glob("tracks/*.html"))) == 5
    assert len(list(site.glob("data/tiny-*.js"))) == 5


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
    folder = benchmarks.parent / "recordings" / "one; 50% two"
    folder.mkdir()
    names = ("drums.ogg", "vocals.ogg")
    for name in names:
        shutil.copy(folder.parent / name, folder)
    stems = join_paths(f"recordings/{folder.name}/{name}" for name in names)

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
