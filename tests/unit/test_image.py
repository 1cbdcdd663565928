"""The Dockerfile and what it may see: nothing is missing, nothing is there that no stage copies."""

import re
import shlex
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
LINES = DOCKERFILE.replace("\\\n", " ").splitlines()


def copied() -> list[str]:
    """Return what the Dockerfile copies from the folder it is built in."""
    copies = [shlex.split(line)[1:] for line in LINES if line.startswith("COPY ")]
    return [source for copy in copies if not copy[0].startswith("--from") for source in copy[:-1]]


def test_what_is_copied_is_there_and_is_all_that_a_build_sees() -> None:
    seen = [
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]
    assert [source for source in copied() if not (ROOT / source).exists()] == []
    assert sorted(seen) == sorted(copied())


def test_every_member_of_the_workspace_is_known_to_the_lock() -> None:
    members = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]["members"]
    assert {f"{member}/pyproject.toml" for member in members} <= set(copied())


def test_the_image_is_built_by_the_same_uv_as_everything_else() -> None:
    (here,) = re.findall(r"^ARG UV_VERSION=(\S+)$", DOCKERFILE, re.MULTILINE)
    (there,) = re.findall(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert here == there


def test_a_builder_without_buildkit_understands_it() -> None:
    assert not re.search(r"^# *syntax=|--mount|--link|--chmod|<<", DOCKERFILE, re.MULTILINE)


def test_the_user_is_a_number_that_is_not_root() -> None:
    (user,) = [line.split()[1] for line in LINES if line.startswith("USER ")]
    assert [int(part) > 0 for part in user.split(":")] == [True, True]
    final = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]
    assert "\nRUN " not in final
    assert re.findall(r"^COPY (.*)$", final, re.MULTILINE) == ["--from=build /opt/orderflow /opt/orderflow"]
