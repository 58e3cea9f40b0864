"""Paths are named as benchopt reads them, or the run says how to."""

import subprocess

import click
import pytest
from benchopt.utils.parametrized_name_mixin import _extract_options

from musaic_core.benchmark.choice import check_paths

PATHS = [
    *("/my music", "~/music", "~", "./music", "../music", ".", "/müsik", "/a&b"),
    *("/a(b)", "/a,b", "/a, b", "123", "/a[1]", "01 songs", "/1e5 x"),
]


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_benchopt_would_misread_ends_the_run_with_the_right_one(path):
    with pytest.raises(SystemExit) as raised:
        check(f"folder[path={path},train=leave_one_out]")
    fixed = f"folder[path='{path}',train=leave_one_out]"
    assert str(raised.value) == f'\n! put the path in quotes: -d "{fixed}"'
    check(fixed)
    parameters = _extract_options(fixed)[2]
    assert parameters == {"path": path, "train": "leave_one_out"}


@pytest.mark.parametrize("path", ["/x's", '/x"y', "/a=b", "/a[1", '"/x\'s"', "'/a=b'"])
def test_a_path_that_benchopt_can_not_read_is_refused_with_a_way_out(path):
    with pytest.raises(SystemExit, match="rename the folder, or give it another name"):
        check(f"folder[path={path}]")


@pytest.mark.parametrize("path", ["~/my a=b", "my a=b", "./my 'x'"])
def test_the_other_name_that_is_told_leads_to_the_folder(path, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / path.replace("~", "home")
    folder.mkdir(parents=True)
    (tmp_path / "home").mkdir(exist_ok=True)
    with pytest.raises(SystemExit) as raised:
        check(f"folder[path={path}]")
    command = str(raised.value).partition("another name: ")[2]
    subprocess.run(command, shell=True, check=True)
    assert (tmp_path / "home" / "recordings").resolve() == folder.resolve()


def test_a_path_with_backslashes_is_written_with_slashes():
    for path in (r"C:\my music", r"'C:\my music'"):
        with pytest.raises(SystemExit, match=r"-d \"folder\[path='C:/my music'\]\""):
            check(f"folder[path={path}]")


@pytest.mark.parametrize(
    "dataset",
    [
        *("folder[path=/my/music]", "folder[path='/my music']", "folder", "mini"),
        *('folder[path="/x (1)", learn_from=piano]', "folder[path=music]"),
        *("mini[part=[piano,songs],tracks=2]", "folder[path=['/a b','/c']]"),
    ],
)
def test_a_path_that_benchopt_reads_is_left_as_it_is(dataset):
    check(dataset)


@pytest.mark.parametrize("path", ["~/umxhq", "/my weights/x.th", "./x.ckpt", "/a,b"])
def test_a_path_of_weights_is_told_apart_in_the_same_way(path):
    with pytest.raises(SystemExit) as raised:
        check(f"htdemucs[weights={path}]", "solver")
    fixed = f"htdemucs[weights='{path}']"
    assert str(raised.value) == f'\n! put the path in quotes: -s "{fixed}"'
    check(fixed, "solver")
    assert _extract_options(fixed)[2] == {"weights": path}
    for left in ("musicnn[weights=[MTT_musicnn,MSD_musicnn]]", "umx[weights=/a/b]"):
        check(left, "solver")


def check(asked, kind="dataset"):
    with click.Context(click.Command("run"), info_name="run") as context:
        context.params = {kind: (asked,), "config_file": None}
        check_paths()
