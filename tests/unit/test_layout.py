"""The shape of the repository: what would break imports, and the words that names do without."""

import ast
import operator
import re
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MEMBERS = ("services", "lag", "process", "operator", "local")
MOST_LINES = 250
BANNED = ("manager", "helper", "utils", "process_data")


def modules() -> list[Path]:
    """Every module of ours: the members' sources, the tests, the benchmark and what deploys."""
    sources = [path for member in MEMBERS for path in (ROOT / member / "src").rglob("*.py")]
    others = [path for folder in ("tests", "bench", "deploy") for path in (ROOT / folder).rglob("*.py")]
    return sorted([*sources, *others])


def names_in(path: Path) -> Iterator[str]:
    """Return the module's name and those of its classes and functions."""
    yield path.stem
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name


def has_banned_word(name: str) -> bool:
    """Tell whether a name leans on a word that says nothing."""
    # http.server calls do_GET and the like; those names are not ours to choose.
    empty_verb = name.lower().startswith("do_") and not name[3:].isupper()
    return empty_verb or any(word in name.lower() for word in BANNED)


@pytest.mark.parametrize("member", MEMBERS)
def test_no_folder_above_the_sources_is_a_package(member: str) -> None:
    assert not (ROOT / member / "__init__.py").exists()
    assert not (ROOT / member / "src" / "__init__.py").exists()


def test_the_tests_are_no_package_but_where_fixtures_end_with_one() -> None:
    found = [str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("__init__.py")]
    assert found == ["tests/cluster/__init__.py"]


@pytest.mark.parametrize(
    ("member", "package"),
    [
        ("services", "orderflow"),
        ("lag", "orderflow_lag"),
        ("process", "orderflow_process"),
        ("operator", "orderflow_operator"),
        ("local", "orderflow_local"),
    ],
)
def test_a_member_brings_one_package_named_after_the_product(member: str, package: str) -> None:
    found = [path.name for path in (ROOT / member / "src").iterdir() if path.is_dir()]
    assert [name for name in found if not name.endswith(".egg-info")] == [package]


def test_operator_is_the_module_of_the_standard_library_also_from_the_root() -> None:
    standard = Path(sysconfig.get_path("stdlib")) / "operator.py"
    asked = [sys.executable, "-c", "import operator; print(operator.__file__)"]
    answer = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True)
    assert Path(answer.stdout.strip()) == standard == Path(str(operator.__file__))


def test_names_say_what_a_thing_is() -> None:
    named = [(str(path.relative_to(ROOT)), name) for path in modules() for name in names_in(path)]
    assert [each for each in named if has_banned_word(each[1])] == []


@pytest.mark.parametrize("name", ["TopicManager", "test_utils", "process_data", "do_commit", "HelperThread"])
def test_a_banned_word_is_found_wherever_it_stands_in_a_name(name: str) -> None:
    assert has_banned_word(name)


def test_a_module_fits_into_the_head() -> None:
    sources = [path.relative_to(ROOT) for path in modules() if "tests" not in path.parts]
    lines = {str(path): len((ROOT / path).read_text().splitlines()) for path in sources}
    assert {path: count for path, count in lines.items() if count > MOST_LINES} == {}


def test_a_module_opens_with_its_place() -> None:
    silent = [
        path for path in modules() if path.read_text() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert [str(path.relative_to(ROOT)) for path in silent] == []


def test_a_module_that_calls_itself_pure_is_held_to_it() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (held,) = [each["source_modules"] for each in contracts if each["name"].startswith("Pure modules")]
    claims = [dotted(path) for path in modules() if "src" in path.parts and says_pure(path)]
    # How a thing looks may use what draws it; these read records of the client, or draw with rich.
    claims = [name for name in claims if name not in ("orderflow.cli.lag_view", "orderflow.cli.records")]
    assert claims
    assert [name for name in claims if not any(f"{name}.".startswith(f"{each}.") for each in held)] == []


def says_pure(path: Path) -> bool:
    """Tell whether a module's docstring ends a sentence with "pure", or begins an explanation of it."""
    said = ast.get_docstring(ast.parse(path.read_text())) or ""
    return re.search(r"(\. |: )pure(\.|:|;|$)|: pure[ ,]", said, re.IGNORECASE | re.MULTILINE) is not None


def dotted(path: Path) -> str:
    """Return the name a module is imported by."""
    parts = path.with_suffix("").parts
    return ".".join(parts[parts.index("src") + 1 :]).removesuffix(".__init__")
