"""What the pages say is what the files say."""

import json
import pkgutil
import re

import numpy as np
import pandas as pd
import pytest
from published_site import guided
from solving import module_in

from musaic_core.publish.tables import COLUMNS
from tools import guidance
from tools.tables import ROOT, filled, pages

HEAD = "<!-- {} -->"
SCORES = [
    # task, corpus, label, kind, apart, n, of, score; the best of a corpus first
    ("amt", "piano", "nmf β=1", "low-rank", False, 8, 8, 0.98765),
    ("amt", "piano", "cnn", "learned", False, 7, 8, 0.9),
    ("amt", "piano", "silence", "floor", True, 8, 8, 0.0),
    ("amt", "songs", "cnn", "learned", False, 4, 4, 0.5),
    ("amt", "songs", "sines", "peer", False, 4, 4, 0.45),
    ("amt", "songs", "nmf β=1", "low-rank", False, 0, 4, None),
    ("amt", "songs", "silence", "floor", True, 4, 4, 0.0),
    ("mss", "songs", "nmf β=1", "low-rank", False, 4, 4, 5.1),
    ("mss", "songs", "mask", "oracle", True, 4, 4, 9.454),
]
SPEED = [
    ("kl", "musaic", "mu, c", 5.14),
    ("kl", "musaic", "hals-mu, c", 2.0),
    ("kl", "musaic", "mu, numpy", 7.0),
    ("kl", "sklearn", "mu", 12.34),
    ("kl", "torchnmf", "", 123.4),
    ("gpu", "musaic", "mu, torch", 1.0),
]


@pytest.fixture
def root(tmp_path):
    """A repository with files that pages name."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "results").mkdir()
    names = ["task", "corpus", "label", "kind", "apart", "n", "of", "score"]
    table = pd.DataFrame(SCORES, columns=names).reindex(columns=COLUMNS)
    table.to_csv(tmp_path / "results/scores.csv", index=False)
    names = ["problem", "package", "backend", "ms"]
    records = [dict(zip(names, row, strict=True)) for row in SPEED]
    (tmp_path / "speed.json").write_text(json.dumps(records), encoding="utf-8")
    (tmp_path / "a.csv").write_text('x,"y, z"\n0.10,a|b\n', encoding="utf-8")
    (tmp_path / "v.json").write_text('{"gain": "0.950", "n": 3}', encoding="utf-8")
    return tmp_path


def rendered(root, text):
    page = root / "README.md"
    page.write_text(text, encoding="utf-8")
    return filled(page, root)


def rows(root, marker):
    """Cells of the table that a marker is filled with, without the line of dashes."""
    text = rendered(root, f"Before\n\n{HEAD.format(marker)}old<!-- end -->\n\nafter\n")
    start, table, end = text.split("\n\n", 2)[0], *text.split("\n\n")[2:4]
    assert start == "Before"
    assert end == "<!-- end -->"
    head, dashes, *lines = table.splitlines()
    assert set(dashes) <= set("|- ")
    return [[c.strip() for c in line[2:-2].split(" | ")] for line in (head, *lines)]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_a_page_says_what_its_files_say(page):
    text = page.read_text(encoding="utf-8")
    assert text == filled(page), "run python -m tools.tables"


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_no_paragraph_is_cut_by_a_marker(page):
    # Markdown takes a line that begins with a comment for one of HTML
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"^\s*<!-- value: ", text, re.MULTILINE)


def test_the_measured_files_are_all_shown():
    text = "".join(page.read_text(encoding="utf-8") for page in pages())
    for file in (ROOT / "docs" / "measured").iterdir():
        assert f": docs/measured/{file.name} " in text, file


def test_what_was_edited_by_hand_is_written_anew(root):
    text = f"a {HEAD.format('value: v.json gain')}0.960<!-- end --> b"
    assert rendered(root, text) == text.replace("0.960", "0.950")


def test_what_is_filled_in_stays_as_it_is(root):
    once = rendered(root, "<!-- csv: a.csv -->\n<!-- end -->\n")
    assert rendered(root, once) == once


def test_scores_have_a_row_a_label_the_best_first_and_a_column_a_corpus(root):
    assert rows(root, "scores: task=amt") == [
        ["model", "piano", "songs"],
        ["nmf β=1", "0.988", "–"],
        ["cnn", "0.900 (7 of 8)", "0.500"],
        ["sines", "–", "0.450"],
        ["silence, floor", "0.000", "0.000"],
    ]


def test_scores_are_those_asked_for_under_the_titles_asked_for(root):
    marker = (
        'scores: task=amt columns="songs: 4 songs; piano" digits=2 head="F1, β"\n'
        '    rows="nmf β=1: `nmf`, β = 1; cnn"'
    )
    assert rows(root, marker) == [
        ["F1, β", "4 songs", "piano"],
        ["cnn", "0.50", "0.90 (7 of 8)"],
        ["`nmf`, β = 1", "–", "0.99"],
    ]
    assert rows(root, "scores: task=mss digits=2")[1:] == [
        ["nmf β=1", "5.10"],
        ["mask, oracle", "9.45"],
    ]


def test_of_each_kind_the_best_are_shown_with_their_kind(root):
    file = root / "results/scores.csv"
    text = file.read_text(encoding="utf-8").replace("sines,peer", "sines,learned")
    file.write_text(text, encoding="utf-8")
    marker = "scores: task=amt columns=songs best={}"
    assert [row[0] for row in rows(root, marker.format(1))] == [
        *("model", "cnn, learned", "nmf β=1, low-rank", "silence, floor")
    ]
    assert "sines, learned" in rendered(
        root, f"<!-- {marker.format(2)} --><!-- end -->"
    )


def test_a_csv_file_is_shown_as_it_is(root):
    assert rows(root, "csv: a.csv") == [["x", "y, z"], ["0.10", "a\\|b"]]


def test_speed_is_our_fastest_beside_the_fastest_peer(root):
    head = ["problem", "`musaic_core`", "fastest peer", "ratio"]
    assert rows(root, "speed: speed.json problems=kl") == [
        head,
        ["kl", "2.00 ms (hals-mu, c)", "12.3 ms (sklearn, mu)", "6.2 ×"],
    ]
    assert rows(root, 'speed: speed.json rule=mu problems="kl: KL, β = 1"') == [
        head,
        ["KL, β = 1", "5.14 ms (mu, c)", "12.3 ms (sklearn, mu)", "2.4 ×"],
    ]


def test_costs_are_those_of_a_problem_beside_its_first_run(root):
    assert rows(root, "costs: speed.json problem=kl")[:3] == [
        ["options", "ms an iteration", "beside mu, c"],
        ["mu, c", "5.14", "1"],
        ["hals-mu, c", "2.00", "0.39 ×"],
    ]


def test_what_hints_gain_is_a_row_a_solver_and_a_column_a_number(root):
    records = guidance.measured(guided())
    (root / "gains.json").write_text(json.dumps(records), encoding="utf-8")
    assert rows(root, "guidance: gains.json 'corpus=tiny a'") == [
        ["solver", "without hints", "1 hint", "4 hints", "4 hints, 10% wrong"],
        [
            *("nmf β=1 fixed", "0.090", "+0.010 (+0.010 to +0.010)"),
            *("+0.040 (+0.040 to +0.040)", "+0.020 (+0.020 to +0.020)"),
        ],
        [
            *("nmf β=2 blind", "0.090", "+0.010 (+0.010 to +0.010)"),
            *("+0.040 (+0.040 to +0.040)", "+0.020 (+0.020 to +0.020)"),
        ],
    ]
    with pytest.raises(ValueError, match="there is no corpus 'songs'"):
        rows(root, "guidance: gains.json corpus=songs")


def gained(root, **gains):
    """What is said of gains (gain, low, high) by solver, of two hints each."""
    told = {"task": "T", "corpus": "c", "wrong": 0.0, "hints": 2, "before": 0.5}
    records = [
        told | {"solver": name} | dict(zip(("gain", "low", "high"), gain, strict=True))
        for name, gain in gains.items()
    ]
    (root / "gains.json").write_text(json.dumps(records), encoding="utf-8")
    return rendered(root, f"{HEAD.format('gained: gains.json corpus=c')}<!-- end -->")


def test_what_is_said_of_hints_is_what_their_intervals_tell(root):
    up, down, open_ = (0.2, 0.1, 0.3), (-0.2, -0.3, -0.1), (0.2, -0.1, 0.5)
    alone = (0.2, None, None)  # one recording, which has no interval
    said = gained(root, nmf=up, ntd=down, ncp=open_, cnn=alone)
    assert "Gains that their intervals tell apart from 0: nmf by 2 hints." in said
    assert "Losses that their intervals tell apart from 0: ntd by 2 hints." in said
    assert "ncp" not in said
    assert "cnn" not in said
    assert "No gain or loss is told apart" in gained(root, ncp=open_, cnn=alone)
    assert "No solver gains" in gained(root, ncp=(0, 0, 0), cnn=(0, None, None))
    assert rows(root, "guidance: gains.json corpus=c")[2] == ["cnn", "0.500", "+0.000"]


def test_what_is_measured_anew_leaves_nothing_of_what_was_measured_of_the_same():
    first = guidance.measured(guided())
    of_others = [record | {"corpus": "elsewhere"} for record in first]
    # of one variant alone the label is a shorter one
    runs = guided()
    runs = runs[runs["solver_name"] == runs["solver_name"].iloc[0]]
    later = guidance.measured(runs)
    assert {record["solver"] for record in later} == {"nmf"}
    merged = guidance.merged(of_others + first, later)
    there = {record["corpus"] for record in later}
    assert [r for r in merged if r["corpus"] in there] == later
    assert len(merged) == len(of_others) + len(later) + sum(
        record["corpus"] not in there for record in first
    )


def test_gains_of_runs_that_failed_are_left_out():
    runs = guided()
    failed = runs["solver_name"] == runs["solver_name"].iloc[0]
    runs.loc[failed, ["objective_steering_gain", "objective_value_before"]] = np.nan
    of_others = guidance.measured(runs)
    assert 0 < len(of_others) < len(guidance.measured(guided()))
    assert all(np.isfinite(record["before"]) for record in of_others)
    one = runs.drop_duplicates(["solver_name", "dataset_name", "objective_name"])
    assert {record["low"] for record in guidance.measured(one)} == {None}


def test_solvers_are_shown_with_their_parameters(root):
    (root / "benchmarks").symlink_to(ROOT / "benchmarks")
    heads, *lines = rows(root, "solvers: kind=low-rank")
    assert heads == ["solver", "V", "parameters of a default run"]
    (line,) = [line for line in lines if line[0] == "`ncp`"]
    assert line[1] == "any × any × any"
    assert "; rank = " in line[2]
    assert not [line for line in lines if line[0] == "`silence`"]


def test_what_the_pages_name_is_there():
    tests = "".join(f.read_text(encoding="utf-8") for f in ROOT.glob("tests/*.py"))
    checked = 0
    for page in [*pages(), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]:
        text = page.read_text(encoding="utf-8")
        for path in re.findall(r"\bmusaic_core/[\w./]*\w", text):
            assert (ROOT / path).exists(), f"{page.name}: {path}"
        for name in re.findall(r"\bmusaic_core(?:\.\w+)+", text):
            assert pkgutil.resolve_name(name), f"{page.name}: {name}"
        for module, name in re.findall(r"from (musaic_core\S*) import (\w+)", text):
            assert pkgutil.resolve_name(f"{module}:{name}"), f"{page.name}: {name}"
        for name in re.findall(r"\btest_\w+(?=`)", text):
            assert f"def {name}(" in tests, f"{page.name}: {name}"
        for path in re.findall(r"\]\((?!https?:)([^)#]+)", text):
            assert (page.parent / path).exists(), f"{page.name}: {path}"
            checked += 1
    assert checked > 10


def test_ci_runs_the_commands_of_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    runs = (ROOT / ".ci/run").read_text(encoding="utf-8")
    for command in (
        "pip install -e . && benchopt run benchmarks/amt",
        'pip install -e ".[test]" && pytest',
    ):
        assert f"\n{command}\n" in readme
        assert command in runs


def test_the_page_of_models_has_every_solver():
    page = (ROOT / "docs/models.md").read_text(encoding="utf-8")
    for file in (ROOT / "solvers").glob("*.py"):
        assert f"`{module_in(file).Solver.name}`" in page, file


@pytest.mark.parametrize(
    ("marker", "reason"),
    [
        ("csv: nothing.csv", "nothing.csv"),
        ("value: v.json loss", "it lacks 'loss'"),
        ("scores: task=amr", "no task 'amr'; there is amt, mss"),
        ("scores: task=amt rows=nmf", "no label 'nmf'; there is nmf β=1, cnn"),
        ("scores: task=mss columns=piano", "no corpus 'piano'; there is songs"),
        ("scores: task=amt colour=red", "colour"),
        ("speed: speed.json problems=is", "no problem 'is'; there is kl, gpu"),
        ("speed: speed.json problems=gpu", "gpu has no peer"),
        ("speed: speed.json rule=hals", "kl has no hals"),
        ("costs: speed.json problem=is", "no problem 'is'; there is kl, gpu"),
        ("score: task=amt", "score is none of scores, csv, speed, value, foretold"),
    ],
)
def test_what_is_not_there_is_named_with_its_page(root, marker, reason):
    with pytest.raises(ValueError, match=r"README\.md: <!-- ") as caught:
        rendered(root, f"{HEAD.format(marker)}<!-- end -->")
    assert reason in str(caught.value)


def test_a_file_of_former_columns_is_an_error_that_says_so(root):
    file = root / "results/scores.csv"
    pd.read_csv(file).drop(columns="apart").to_csv(file, index=False)
    with pytest.raises(ValueError, match=r"README\.md: .*it lacks 'apart'"):
        rendered(root, "<!-- scores: task=amt --><!-- end -->")


def test_a_marker_without_end_is_an_error_not_a_lost_page(root):
    text = "<!-- csv: a.csv -->\n\n<!-- value: v.json n -->3<!-- end -->"
    with pytest.raises(ValueError, match=r"a\.csv -->: <!-- end --> is missing"):
        rendered(root, text)
