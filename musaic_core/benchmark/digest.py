"""What a result depends on: code, by its imports, and installed packages."""

import ast
import hashlib
import importlib.metadata
import re
import threading
from collections.abc import Iterable, Iterator
from functools import cache, partial
from pathlib import Path
from types import FunctionType

PACKAGE = Path(__file__).resolve().parent.parent
ROOT = PACKAGE.parent
BINARIES = {".so", ".pyd", ".safetensors"}
_BESIDE = {".c", ".h", ".so", ".pyd"}  # a module in C
_parsing = threading.Lock()  # Python 3.11 fails where two threads parse at once


def digest_of(files: Iterable[Path]) -> str:
    """Digest of files of this project, by their paths in it and their content.

    Parameters
    ----------
    files : iterable of Path

    Returns
    -------
    str
    """
    digest = hashlib.sha256()
    for file in sorted(files):
        own = file.is_relative_to(ROOT)
        path = file.relative_to(ROOT).as_posix() if own else file.name
        digest.update(path.encode() + file.read_bytes())
    return digest.hexdigest()


def digest_of_code(files: Iterable[Path]) -> str:
    """Digest of what files of this project do: comments and docstrings do not count.

    Parameters
    ----------
    files : iterable of Path

    Returns
    -------
    str
    """
    digest = hashlib.sha256()
    for file in sorted(files):
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".py":
            tree = _syntax_tree(text)
            for node in ast.walk(tree):
                body = getattr(node, "body", None)
                if isinstance(body, list) and _is_text(body[:1]):
                    del body[0]
            text = repr(_shape(tree))
        digest.update(file.name.encode() + text.encode())
    return digest.hexdigest()


def _shape(node):
    """What a syntax tree says, in the words that all versions of Python share.

    Fields that are empty are left out, as newer versions have more of them.
    """
    if isinstance(node, ast.Constant):
        return repr(node.value)
    if isinstance(node, ast.JoinedStr):  # some have empty texts between its values
        values = [v for v in node.values if getattr(v, "value", None) != ""]
        return "JoinedStr", _shape(values)
    if isinstance(node, ast.AST):
        fields = [(k, v) for k, v in ast.iter_fields(node) if v is not None and v != []]
        return type(node).__name__, *((name, _shape(value)) for name, value in fields)
    return [_shape(child) for child in node] if isinstance(node, list) else node


def _is_text(statements):
    """Whether they are one string, which does nothing."""
    return any(
        isinstance(s, ast.Expr)
        and isinstance(s.value, ast.Constant)
        and isinstance(s.value.value, str)
        for s in statements
    )


def files_imported(file: Path) -> set[Path]:
    """Files of `musaic_core` that a file needs, imports of imports included.

    Imports are followed from file to file, and a name that a package passes on is
    followed to where it is defined: what else the package offers does not count. Where
    kernels are imported, their C files and what was compiled of them count too.

    Parameters
    ----------
    file : Path

    Returns
    -------
    set of Path
        Without the file itself, unless it is imported in turn.
    """
    found, waiting = set(), list(_imports(Path(file).resolve()))
    while waiting:
        needed = waiting.pop()
        if needed not in found:
            found.add(needed)
            if needed.suffix == ".py":
                waiting += _imports(needed)
    return found


def file_of(plugin: type | str | Path) -> Path:
    """The file of a plugin.

    Parameters
    ----------
    plugin : type, str or Path
        A class of this project, or its path.

    Returns
    -------
    Path
    """
    if isinstance(plugin, type):
        return ROOT / f"{plugin.__module__.replace('.', '/')}.py"
    return Path(plugin).resolve()


def files_that_read(tracks: Iterable) -> set[Path]:
    """Files of the functions by which a corpus reads its tracks, and what they import.

    Parameters
    ----------
    tracks : iterable of Track

    Returns
    -------
    set of Path
        Of functions that stand in the place of a file; none where all is in files.
    """
    sources = (s for t in tracks for v in vars(t).values() for s in _functions(v))
    files = {Path(function.__code__.co_filename).resolve() for function in sources}
    return files.union(*map(files_imported, files))


def _functions(source) -> Iterator[FunctionType]:
    """The functions in what a track is made of; see `Track`."""
    if isinstance(source, FunctionType):
        yield source
    elif isinstance(source, partial):
        yield from _functions((source.func, *source.args, source.keywords))
    elif isinstance(source, dict):
        yield from _functions(tuple(source.values()))
    elif isinstance(source, tuple):
        for part in source:
            yield from _functions(part)


def _imports(file):
    """The files that a file imports itself."""
    for module, name in _import_statements(file, file.stat().st_mtime_ns):
        yield from _module(module) if name is None else _named(module, name)


@cache
def _import_statements(file, changed):
    """(module, name) of each ``from module import name``; None of ``import``."""
    found = []
    for node in ast.walk(_parsed(file, changed)):
        if isinstance(node, ast.Import):
            found += [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (module := _source(node, file)):
            found += [(module, alias.name) for alias in node.names]
    return found


def _source(node, file):
    """The module that names come from; "" where a relative one is not of `ROOT`."""
    if not node.level:
        return node.module
    if not file.is_relative_to(ROOT):
        return ""
    package = file.relative_to(ROOT).parts[: -node.level]
    return ".".join([*package, *filter(None, [node.module])])


def _named(module, name):
    """The files behind ``from module import name``."""
    submodule = list(_module(f"{module}.{name}"))
    if submodule:
        yield from submodule
        return
    files = list(_module(module))
    init = next((f for f in files if f.name == "__init__.py"), None)
    if init is None:
        yield from files
        return
    for node in ast.walk(_parsed(init, init.stat().st_mtime_ns)):
        passes_on = isinstance(node, ast.ImportFrom) and any(
            name == (alias.asname or alias.name) for alias in node.names
        )
        if passes_on and (source := _source(node, init)):
            yield from _named(source, name)
            return
    yield from files  # the package defines it itself


def _module(name):
    """The file of a module of this project, and what was made of its code.

    That are what was compiled in its folder, and weights of its name.
    """
    if name != PACKAGE.name and not name.startswith(f"{PACKAGE.name}."):
        return
    path = ROOT.joinpath(*name.split("."))
    file = path.with_suffix(".py")
    if not file.is_file():
        file = path / "__init__.py"
    if file.is_file():
        yield file
        yield from (f for f in file.parent.iterdir() if f.suffix in _BESIDE)
        weights = file.parent / "weights" / f"{file.stem}.safetensors"
        yield from (f for f in [weights] if f.is_file())


@cache
def _parsed(file, _changed):
    return _syntax_tree(file.read_text(encoding="utf-8"))


def _syntax_tree(text):
    with _parsing:
        return ast.parse(text)


def versions(requirements: Iterable[str]) -> dict[str, str | None]:
    """Installed versions of required packages.

    Parameters
    ----------
    requirements : iterable of str
        As benchopt's plugins name them, such as ``"pip::torchnmf>=0.3"``.

    Returns
    -------
    dict of str to str or None
        By package; None where it is absent.
    """
    return {package: _version(package) for package in map(_package, requirements)}


def _package(requirement):
    return re.fullmatch(r"(?:pip::)?([\w.-]+).*", requirement)[1]


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
