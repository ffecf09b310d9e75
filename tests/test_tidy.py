"""Style is a test: layers, banned imports, the length of functions and files, docstrings."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "oncemq"
FILES = sorted(SOURCE.rglob("*.py"))

FUNCTION_LINES = 60
FILE_LINES = 420

PURE = {"__future__", "array", "base64", "bisect", "collections", "dataclasses", "enum", "fnmatch", "functools"} | {
    "hashlib",
    "heapq",
    "itertools",
    "json",
    "math",
    "operator",
    "re",
    "struct",
    "sys",
    "typing",
}
"""Modules of the standard library that neither look at the world nor change it."""

LAYERS: dict[str, set[str]] = {
    "core": {"core"},
    "journal": {"core", "journal"},
    "engine": {"core", "journal", "engine"},
    "protocols": {"core", "protocols"},
    "net": {"clock", "core", "engine", "net"},
    "clock.py": set(),
    "memory.py": set(),
    "config.py": {"config", "net"},
    "provisioning.py": {"config", "core", "protocols"},
    "administration.py": {"clock", "core", "engine", "journal", "net", "protocols"},
    "cli": {"administration", "cli", "config", "core", "engine", "journal", "provisioning", "server", "worker"},
    "worker": {"worker"},  # it speaks to brokers as any client does
    "server.py": {"clock", "config", "core", "engine", "journal", "memory", "net", "protocols", "provisioning"},
}
"""Part of the package → the parts that it may import. The path is one way: below knows nothing of above."""

BANNED: dict[str, set[str]] = {
    "core": {
        "time",
        "random",
        "os",
        "asyncio",
        "socket",
        "threading",
        "secrets",
        "datetime",
        "pathlib",
        "uuid",
        "logging",
    },
    "protocols": {"time", "random", "os", "asyncio", "socket", "threading", "secrets", "pathlib", "logging"},
    "engine": {"time", "random", "os", "asyncio", "socket", "threading", "secrets"},
    "journal": {"time", "random", "asyncio", "socket", "secrets"},
}


def _part(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0]


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module or ""


def _id(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=_id)
def test_a_layer_imports_only_what_is_below_it(path: Path) -> None:
    allowed = LAYERS.get(_part(path))
    if allowed is None:
        assert path.name == "__init__.py", f"{path}: which layer is it? Say so in LAYERS."
        return
    for name in _imports(path):
        if name.startswith("oncemq."):
            assert name.split(".")[1] in allowed, f"{_id(path)} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=_id)
def test_no_layer_reaches_for_what_it_is_to_be_given(path: Path) -> None:
    banned = BANNED.get(_part(path), set())
    if path.name == "disk.py" and _part(path) == "journal":
        return  # the one file that touches the disk
    for name in _imports(path):
        assert name.split(".")[0] not in banned - ({"threading"} if _part(path) == "journal" else set()), name


@pytest.mark.parametrize("path", [each for each in FILES if _part(each) == "core"], ids=_id)
def test_the_core_is_pure(path: Path) -> None:
    for name in _imports(path):
        top = name.split(".")[0]
        if top in sys.stdlib_module_names:
            assert top in PURE, f"{_id(path)} imports {name}"
        else:
            assert top in {"oncemq", "msgspec"}, f"{_id(path)} imports {name}"


@pytest.mark.parametrize("path", [each for each in FILES if _part(each) == "core"], ids=_id)
def test_the_core_never_loops_over_a_set(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        loops = [node.iter] if isinstance(node, ast.For | ast.comprehension) else []
        for looped in loops:
            is_set = isinstance(looped, ast.Set | ast.SetComp) or (
                isinstance(looped, ast.Call)
                and isinstance(looped.func, ast.Name)
                and looped.func.id in ("set", "frozenset")
            )
            assert not is_set, f"{_id(path)}:{looped.lineno} loops over a set"


def test_one_file_syncs() -> None:
    calls = ("fsync", "fdatasync", "F_FULLFSYNC", "sync_file_range", "msync")
    for path in FILES:
        if path != SOURCE / "journal" / "disk.py":
            assert not any(f".{call}(" in path.read_text() for call in calls), _id(path)


def test_suspending_is_for_the_edges() -> None:
    for path in FILES:
        if _part(path) not in ("net", "server.py", "administration.py", "cli", "worker"):
            for node in ast.walk(ast.parse(path.read_text())):
                assert not isinstance(node, ast.AsyncFunctionDef), f"{_id(path)}: async def {node.name}"


@pytest.mark.parametrize("path", FILES, ids=_id)
def test_functions_fit_a_screen_and_files_one_idea(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= FILE_LINES, f"{_id(path)} has {text.count(chr(10))} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= FUNCTION_LINES, f"{_id(path)}:{node.lineno} {node.name} has {length} lines"


@pytest.mark.parametrize("path", FILES, ids=_id)
def test_a_file_opens_with_what_it_is(path: Path) -> None:
    tree = ast.parse(path.read_text())
    if tree.body:
        assert ast.get_docstring(tree), f"{_id(path)} has no docstring"


def test_no_names_that_say_nothing() -> None:
    empty = ("helpers", "utils", "util", "manager", "managers", "misc", "common")
    for path in FILES:
        assert not any(part.removesuffix(".py") in empty for part in path.relative_to(SOURCE).parts), _id(path)


def test_nothing_is_mocked() -> None:
    for path in sorted((ROOT / "tests").rglob("*.py")):
        if path != Path(__file__):
            assert "unittest.mock" not in path.read_text(), _id(path)
            assert "MagicMock" not in path.read_text(), _id(path)
