"""Links and paths in the documentation lead somewhere, and no command stands there unrun without a reason."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from support.pages import ROOT, anchors_of, blocks_of, links_of, pages, paths_of, shape

PAGES = [pytest.param(page, id=str(page.relative_to(ROOT))) for page in pages()]


def broken_links(page: Path) -> list[str]:
    """Return the links of a page that lead to no file or heading; other sites are not asked."""
    return [link for link in links_of(page.read_text()) if not _leads_somewhere(link, page)]


def _leads_somewhere(link: str, page: Path) -> bool:
    if link.startswith(("https://", "http://")):
        return True
    path, _, anchor = link.partition("#")
    target = (page.parent / path) if path else page
    return target.exists() and (not anchor or anchor in anchors_of(target.read_text()))


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Here\n[a](#here) [b](gone.md) ![c](page.md#nowhere) [d](https://kafka.apache.org)\n")
    assert broken_links(page) == ["gone.md", "page.md#nowhere"]


@pytest.mark.parametrize("page", PAGES)
def test_every_path_exists(page: Path) -> None:
    assert [path for path in paths_of(page.read_text()) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_a_command_that_no_test_runs_says_why(page: Path) -> None:
    assert [block.line for block in blocks_of(page) if block.reason == ""] == []
    assert [block.line for block in blocks_of(page) if block.language in ("sh", "bash", "shell")] == []


def test_a_command_that_something_else_runs_is_really_run_there() -> None:
    elsewhere = [block for page in pages() for block in blocks_of(page) if block.run_by]
    assert elsewhere
    for block in elsewhere:
        # A long command may stand there in pieces.
        runner = re.sub(r'"\s*\n\s+"', "", (ROOT / str(block.run_by)).read_text())
        missing = [command for command in block.commands if command.removeprefix("make ") not in runner]
        assert missing == [], f"{block.page}:{block.line} says {block.run_by} runs it"


def test_every_test_that_a_page_names_exists() -> None:
    sources = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    named = {name for page in pages() for name in re.findall(r"`(test_\w+)`", page.read_text())}
    assert named
    assert {name for name in named if f"def {name}(" not in sources} == set()


def test_a_multi_line_command_and_its_output_are_told_apart(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ one \\\n    -x\nout\nput\n$ two\n```\n")
    (block,) = blocks_of(page)
    assert block.steps == [("one \\\n    -x", "out\nput\n"), ("two", "")]


def test_the_shape_of_an_output_leaves_out_what_differs_and_nothing_else() -> None:
    seen = "2026-11-22T05:26:15.400Z  PENDING\n1,000 orders accepted in 14.9 s\n"
    assert shape(seen) == shape("2027-01-02T03:04:05Z PENDING\n7 orders accepted in 1 s\n")
    assert shape(seen) != shape("2027-01-02T03:04:05Z PAID\n7 orders accepted in 1 s\n")


def test_pictures_are_drawings_with_a_title() -> None:
    for picture in (ROOT / "docs" / "images").glob("*.svg"):
        root = ElementTree.parse(picture).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg", picture
        if picture.name == "flow.svg":
            assert root.find("{http://www.w3.org/2000/svg}title") is not None
