"""What stands in for runc: it asks for no capability that nobody on the machine can have."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.kind import runtime
from deploy.kind.runtime import files_to_change, within_reach, without_unreachable

STATUS = "Name:\trunc\nCapEff:\t000001ffffffffff\nCapBnd:\t000001fffeffffff\nCapAmb:\t0000000000000000\n"


def test_the_bounding_set_is_read_by_name() -> None:
    reachable = within_reach(STATUS)
    assert "CAP_SYS_RESOURCE" not in reachable  # number 24, the bit that is missing
    assert {"CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_CHECKPOINT_RESTORE"} <= reachable
    assert len(reachable) == 40


def test_a_machine_that_has_all_capabilities_changes_nothing() -> None:
    process = {"args": ["sh"], "capabilities": {"bounding": ["CAP_SYS_RESOURCE", "CAP_CHOWN"]}}
    everything = within_reach(STATUS.replace("1fffeffffff", "1ffffffffff"))
    assert without_unreachable(process, everything) == process


def test_only_what_is_out_of_reach_is_dropped_from_every_set() -> None:
    sets = ("bounding", "effective", "permitted", "inheritable", "ambient")
    process = {
        "args": ["sh"],
        "capabilities": {kind: ["CAP_SYS_RESOURCE", "CAP_CHOWN"] for kind in sets},
    }
    assert without_unreachable(process, within_reach(STATUS)) == {
        "args": ["sh"],
        "capabilities": {kind: ["CAP_CHOWN"] for kind in sets},
    }


def test_a_process_that_asks_for_no_capabilities_stays_as_it_is() -> None:
    assert without_unreachable({"args": ["sh"]}, within_reach(STATUS)) == {"args": ["sh"]}


@pytest.mark.parametrize(
    ("words", "config", "process"),
    [
        pytest.param("create --bundle /b id", "/b/config.json", None, id="create names its bundle"),
        pytest.param("--log /l run -b /b id", "/b/config.json", None, id="options of runc come first"),
        pytest.param("create --bundle=/b id", "/b/config.json", None, id="the bundle after an equals sign"),
        pytest.param("create id", "/here/config.json", None, id="without a bundle it is the folder"),
        pytest.param("exec --process /p id", None, "/p", id="exec with a file"),
        pytest.param("exec -p=/p id", None, "/p", id="exec with a file after an equals sign"),
        pytest.param("exec id sh", None, None, id="exec with plain words"),
        pytest.param("delete --force id", None, None, id="nothing to change"),
    ],
)
def test_the_file_that_the_real_runc_will_read_is_found(
    words: str, config: str | None, process: str | None
) -> None:
    found = files_to_change(words.split(), Path("/here"))
    assert found == (Path(config) if config else None, Path(process) if process else None)


def test_the_real_runc_gets_the_words_and_a_bundle_without_what_is_out_of_reach(tmp_path: Path) -> None:
    stand_in = tmp_path / "runc"
    stand_in.write_text(f'#!/bin/sh\necho "$0 $@" > {tmp_path}/called\n')
    stand_in.chmod(0o755)
    spec = {"process": {"capabilities": {"bounding": ["CAP_CHOWN", "CAP_NO_SUCH"]}}, "root": {"path": "r"}}
    (tmp_path / "config.json").write_text(json.dumps(spec))
    program = tmp_path / "runtime.py"
    source = Path(runtime.__file__).read_text()
    program.write_text(source.replace("REAL_RUNC = (", f'REAL_RUNC = ("{stand_in}", ', 1))
    words = ["--root", "/r", "create", "--bundle", str(tmp_path), "id"]
    subprocess.run([sys.executable, "-SE", str(program), *words], check=True, timeout=20)
    assert (tmp_path / "called").read_text().split()[1:] == words
    changed = json.loads((tmp_path / "config.json").read_text())
    assert "CAP_NO_SUCH" not in changed["process"]["capabilities"]["bounding"]
    assert changed["root"] == {"path": "r"}
