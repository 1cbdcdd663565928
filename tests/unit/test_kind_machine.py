"""What a cluster asks of a machine, and which programs of it will do."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from deploy.kind import debian, engine, machine, system, tools
from deploy.kind.debian import Debian
from deploy.kind.engine import Engine, EngineUnavailable
from deploy.kind.parts import PartUnavailable

GIB = machine.GIB


def test_enough_of_everything_is_not_mentioned() -> None:
    assert machine.too_little(16 * GIB, 100 * GIB, Path("/cache")) == []


def test_too_little_is_said_with_what_is_needed_and_what_is_there() -> None:
    memory, disk = machine.too_little(2 * GIB, GIB, Path("/cache"))
    assert "6 GiB of memory" in memory
    assert "2.0 GiB" in memory
    assert "8 GiB" in disk
    assert "/cache" in disk


def test_everything_that_is_missing_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(machine.MachineLacks) as lacks:
        machine.require_engine(memory=GIB, find_go=_no_go)
    said = lacks.value.sentences
    assert [sentence.endswith(".") for sentence in said] == [True] * 3
    assert "memory" in said[0]
    assert "docker" in said[1]
    assert "kind 0.33.0, kubectl 1.34.2, helm 3.22.0, skaffold 2.16.1" in said[2]


def _no_go() -> str:
    raise PartUnavailable("There is no Go.")


def test_without_docker_the_reason_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineUnavailable, match=r"^There is no docker on PATH; install Docker[^.]*\.$"):
        engine.find()


def test_an_engine_that_answers_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\necho 28.0.0\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert engine.find() == Engine(str(docker), None)


def test_our_own_engine_keeps_away_from_where_another_one_would_look(tmp_path: Path) -> None:
    command = list(engine.daemon_command(tmp_path, tmp_path / "runtime"))
    flags = ("--data-root", "--exec-root", "--host", "--pidfile")
    places = [command[command.index(flag) + 1] for flag in flags]
    assert [place for place in places if "docker/" in place or place.startswith("/var/")] == []
    assert str(tmp_path) in places[0]


def test_the_runtime_of_our_own_engine_outlives_the_checkout(tmp_path: Path) -> None:
    first = engine.install_runtime(tmp_path).read_text().splitlines()[0]
    interpreter = Path(first.removeprefix("#!").split()[0])
    assert interpreter.exists()
    assert not interpreter.is_relative_to(sys.prefix)


def test_our_own_engine_gets_the_runtime_of_whoever_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = Engine("docker", "unix:///ours"), Engine("docker")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(engine, "install", lambda _packages, _console: None)
    monkeypatch.setattr(engine, "own", lambda: ours)
    monkeypatch.setattr(engine, "RUN", tmp_path)
    for found, is_written in ((theirs, False), (ours, True)):
        monkeypatch.setattr(engine, "_find_quietly", lambda found=found: found)
        assert engine.start_own(Console()) == found
        assert (tmp_path / "runtime").exists() == is_written


@pytest.mark.parametrize(
    ("program", "said", "will_do"),
    [
        pytest.param("kind", "kind v0.33.0 go1.26 linux/amd64", True, id="the kind of the node image"),
        pytest.param("kind", "kind v0.30.0 go1.24 linux/amd64", False, id="a kind of other node images"),
        pytest.param("helm", "v3.19.2+g8766e71", True, id="a Helm 3 that skaffold understands"),
        pytest.param("helm", "v4.3.1+gabc", False, id="a Helm 4 that it does not"),
        pytest.param("kubectl", "Client Version: v1.34.2", True, id="a kubectl of the time"),
        pytest.param("skaffold", "v2.24.0", True, id="a newer skaffold"),
        pytest.param("skaffold", "no version here", False, id="no version at all"),
    ],
)
def test_programs_on_path_are_used_when_their_version_will_do(program: str, said: str, will_do: bool) -> None:
    (tool,) = [tool for tool in tools.TOOLS if tool.part.name == program]
    assert tool.accepts(said) is will_do


def test_a_base_image_that_is_asked_for_otherwise_has_another_name() -> None:
    assert Debian("python", "trixie").image == Debian("python", "trixie").image
    named = {
        Debian("python", "trixie").image,
        Debian("python", "bookworm").image,
        Debian("python", "trixie", ("python3.13",)).image,
        Debian("python", "trixie", certificates=b"ours").image,
    }
    assert len(named) == 4


def test_pip_in_the_stand_in_for_python_trusts_what_this_machine_trusts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(b"certificates")
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    stand_in = debian.python_stand_in(debian.host_certificates())
    assert stand_in.certificates == b"certificates"
    assert f"PIP_CERT=/{debian.CERTIFICATES}" in stand_in.changes[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="the other refusal comes first")
def test_without_debootstrap_the_reason_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(debian.DebianUnavailable, match="install it"):
        debian.require_tools()


def test_a_deployment_that_fails_names_the_containers_that_are_not_ready() -> None:
    def pod(name: str, ready: bool, state: dict[str, dict[str, str]]) -> dict[str, Any]:
        status = {"containerStatuses": [{"name": "main", "ready": ready, "state": state}]}
        return {"metadata": {"namespace": "orderflow", "name": name}, "status": status}

    pods: list[dict[str, Any]] = [
        pod("fine", True, {"running": {}}),
        pod("starts", False, {"running": {}}),
        pod("crashes", False, {"waiting": {"reason": "CrashLoopBackOff"}}),
        pod("done", False, {"terminated": {"reason": "Completed"}}),
        {"metadata": {"namespace": "orderflow", "name": "has-no-node"}, "status": {"phase": "Pending"}},
    ]
    assert system.not_ready(pods) == [
        "orderflow/starts: container main is not ready (running).",
        "orderflow/crashes: container main is not ready (CrashLoopBackOff).",
        "orderflow/has-no-node is Pending.",
    ]
