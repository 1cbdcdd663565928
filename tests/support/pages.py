"""Reads our Markdown pages: their code blocks, the commands in them, their links.

A line that begins with `$ ` in a `console` block is a command, and a test runs it. One that no test can
run has the reason in a comment right above its block: `<!-- not run: ... -->`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_block = re.compile(
    r"(?:^<!-- (?P<kind>not run|run by): (?P<reason>[^\n]*?) -->\n)?"
    r"^```(?P<language>\w+)?(?: (?P<name>[^\n]+))?\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_link = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_code = re.compile(r"^```.*?^```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_path = re.compile(r"`((?:services|lag|operator|local|tests|bench|docs|config|\.ci)/[A-Za-z0-9_./<>*{},-]*)`")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the file it stands for, its text; `reason` why no test runs it."""

    page: str
    line: int
    language: str
    name: str | None
    text: str
    reason: str | None

    @property
    def commands(self) -> list[str]:
        """The commands of a console block, those over several lines (`\\` at the end) in one piece."""
        joined = self.text.replace("\\\n", "\\\0")
        return [
            line.removeprefix("$ ").replace("\\\0", "\\\n")
            for line in joined.splitlines()
            if line.startswith("$ ")
        ]


def pages() -> list[Path]:
    """Every page of documentation."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def blocks_of(page: Path) -> list[Block]:
    """Return the fenced blocks of a page from top to bottom."""
    text = page.read_text()
    return [
        Block(
            page=page.name,
            line=text.count("\n", 0, found.start()) + 1,
            language=found["language"] or "",
            name=found["name"],
            text=found["text"],
            reason=found["reason"],
        )
        for found in _block.finditer(text)
    ]


def links_of(text: str) -> list[str]:
    """Return the targets of the links and pictures in a page, those in code aside."""
    return [found["target"] for found in _link.finditer(_code.sub("", text))]


def paths_of(text: str) -> list[str]:
    """Return what a page names in `code` as a path inside the repository; patterns (<>, *) aside."""
    return [path for path in _path.findall(text) if not set(path) & set("<>*{}")]


def anchors_of(text: str) -> set[str]:
    """Return the fragments that the headings of a page can be linked by, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
