"""The console's files: what is served, under which policy, and what must never be in them."""

import re
from hashlib import sha256
from pathlib import Path

import pytest
from support.orders_app import App

import orderflow.orders.console as console

STATIC = Path(console.__file__).parent / "static"
SCRIPTS = sorted(STATIC.glob("*.js"))

# Of the release 1.6.31 in its own registry: the package that brings it here changed nothing.
UPLOT = {
    "uplot.js": "2d27e8ad3d228164525ce213f9dc716f39b4e3aee0cc773fb3491c96cf4921a2",
    "uplot.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}


def test_the_page_is_served_without_a_key_and_under_a_strict_policy() -> None:
    answer = App(api_keys="secret").get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


@pytest.mark.parametrize("name", [path.name for path in STATIC.iterdir()] + [*UPLOT])
def test_every_file_of_the_page_is_served_as_what_it_is(name: str) -> None:
    answer = App().get(f"/console/{name}")
    kinds = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml", "html": "text/html"}
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kinds[name.rpartition(".")[2]])
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "script-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/console/../app.py", "/console/%2e%2e/__init__.py", "/console/none.js"])
def test_nothing_else_is_served(path: str) -> None:
    assert App().get(path).status_code == 404


@pytest.mark.parametrize("name", UPLOT)
def test_the_chart_library_is_the_one_that_was_released(name: str) -> None:
    assert sha256(console.chart_file(name).read_bytes()).hexdigest() == UPLOT[name]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_makes_markup_of_text(path: Path) -> None:
    ways = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b|new Function|\.style="
    assert re.findall(ways, path.read_text()) == []


def test_nothing_comes_from_another_host_and_nothing_stands_inside_the_page() -> None:
    page = (STATIC / "index.html").read_text()
    assert re.findall(r"(?:src|href)=\"(?!/|#)[^\"]*\"", page) == []
    assert re.findall(r"<script(?! src)|<style|\bstyle=|\bon\w+=", page) == []
    rest = "".join(path.read_text() for path in STATIC.iterdir())
    assert set(re.findall(r"https?://[^\s\"']+", rest)) == {"http://www.w3.org/2000/svg"}


def test_every_module_that_is_imported_is_there() -> None:
    imported = {name for path in SCRIPTS for name in re.findall(r'from "\./([\w.]+)"', path.read_text())}
    assert imported <= {path.name for path in SCRIPTS}


def test_every_field_of_the_page_has_a_label() -> None:
    page = (STATIC / "index.html").read_text()
    fields = set(re.findall(r"<input id=\"(\w+)\"", page))
    assert fields
    assert fields == set(re.findall(r"<label for=\"(\w+)\"", page))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_fits_into_the_head_and_opens_with_its_place(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert lines[0].startswith("// ")
    assert len(lines) <= 270
