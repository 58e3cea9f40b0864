"""Text is UTF-8, whatever the machine's own encoding."""

import ast
import subprocess

import pytest
from conftest import ROOT


def python_files():
    listed = ["git", "ls-files", "-co", "--exclude-standard", "*.py"]
    try:
        names = subprocess.check_output(listed, cwd=ROOT, encoding="utf-8").split("\n")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("which files are the project's, git alone says")
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def without_encoding(code):
    """Lines of code that read or write text in the machine's own encoding."""
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = getattr(function, "attr", getattr(function, "id", ""))
        options = {k.arg: k.value for k in node.keywords}
        values = [*node.args, *options.values()]
        constants = [v.value for v in values if isinstance(v, ast.Constant)]
        method = isinstance(function, ast.Attribute)
        if method and name in {"read_text", "write_text"}:
            is_text = len(node.args) < 1 + (name == "write_text")
        elif name == "open" and not method:
            mode = constants[-1] if len(node.args) > 1 or "mode" in options else "r"
            is_text = "b" not in mode
        else:
            is_text = "text" in options
        if is_text and "encoding" not in options:
            yield node.lineno


def test_every_text_file_and_pipe_is_utf8():
    files = python_files()
    assert len(files) > 100
    found = [
        f"{file.relative_to(ROOT)}:{line}"
        for file in files
        for line in without_encoding(file.read_text(encoding="utf-8"))
    ]
    assert not found


@pytest.mark.parametrize(
    ("code", "is_found"),
    [
        ("path.read_text()", True),
        ("path.write_text('β')", True),
        ("open('a')", True),
        ("open('a', 'w')", True),
        ("open('a', mode='w')", True),
        ("run(command, text=True)", True),
        ("path.read_text(encoding='utf-8')", False),
        ("path.write_text('β', 'utf-8')", False),
        ("open('a', 'rb')", False),
        ("open('a', 'w', encoding='utf-8')", False),
        ("run(command, text=True, encoding='utf-8')", False),
        ("av.open('a')", False),
    ],
)
def test_the_check_knows_text_from_bytes(code, is_found):
    assert list(without_encoding(code)) == [1] * is_found
