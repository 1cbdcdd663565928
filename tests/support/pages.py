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
    """A fenced block: its language, the file it stands for, its text; `reason` why no test runs it,
    or `run_by` what does instead of the test of its page."""

    page: str
    line: int
    language: str
    name: str | None
    text: str
    reason: str | None
    run_by: str | None

    @property
    def steps(self) -> list[tuple[str, str]]:
        """The commands of a console block, each with what it prints according to the page.

        A command over several lines has a backslash at the end of each but the last.
        """
        parts = re.split(r"^\$ ", self.text.replace("\\\n", "\0"), flags=re.MULTILINE)[1:]
        pairs = [part.partition("\n") for part in parts]
        return [(command.replace("\0", "\\\n"), output) for command, _newline, output in pairs]

    @property
    def commands(self) -> list[str]:
        """The commands of a console block."""
        return [command for command, _output in self.steps]


_VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "TIME"),
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "UUID"),
    (re.compile(r"\b[0-9a-f]{16,}\b"), "HEX"),
    (re.compile(r"\d[\d,]*(?:\.\d+)?"), "N"),
    (re.compile(r"[ \t]+"), " "),
    (re.compile(r"─+|\.{3,}"), "-"),
)


def shape(output: str) -> list[str]:
    """Return what an output looks like: its lines, sorted, without what differs from run to run."""
    for varying, name in _VARYING:
        output = varying.sub(name, output)
    return sorted(line.strip() for line in output.splitlines() if line.strip())


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
            reason=found["reason"] if found["kind"] == "not run" else None,
            run_by=found["reason"] if found["kind"] == "run by" else None,
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
