"""Links and paths in the documentation lead somewhere, and no command stands there unrun without a reason."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from support.pages import ROOT, anchors_of, blocks_of, links_of, pages, paths_of

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
    unexplained = [block.line for block in blocks_of(page) if block.commands and block.reason == ""]
    assert unexplained == []
    assert [block.line for block in blocks_of(page) if block.language in ("sh", "bash", "shell")] == []


def test_pictures_are_drawings_with_a_title() -> None:
    for picture in (ROOT / "docs" / "images").glob("*.svg"):
        root = ElementTree.parse(picture).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg", picture
        if picture.name == "flow.svg":
            assert root.find("{http://www.w3.org/2000/svg}title") is not None
