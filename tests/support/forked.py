"""Processes of ours that begin at once: forked from one that has imported all they need.

Each has a pid, an environment, signals and an exit code like any other, and runs the command's own entry
point. Only what every interpreter does before that is done once for all of them: half of a test's processor
time otherwise. That the commands also start from nothing is what the tests of `orderflow_local` show.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any


class Forked:
    """A running process; what `subprocess.Popen` says of one, as far as tests ask."""

    def __init__(self, origin: Origin, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._origin = origin
        self._ended = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code once it has ended; raise TimeoutExpired after `timeout` seconds."""
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._ended], [], [], timeout)[0]:
            # Until its parent has asked, nobody else is given the pid.
            self.returncode = self._origin.ask(wait=self.pid)
            os.close(self._ended)
        return self.returncode


class Origin:
    """The process that others are forked from, once one is wanted. It ends with this one."""

    def __init__(self, entry: str, *modules: str, environment: Mapping[str, str] | None = None) -> None:
        self._arguments = (entry, *modules)
        # What is read before a fork, by the allocator for one, is the same in all of them.
        self._environment = environment or {}
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def start(
        self, arguments: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path
    ) -> Forked:
        """Run the entry point with these arguments; what it writes goes to the end of `log`."""
        log.touch()
        started = self.ask(
            arguments=list(arguments), environment=dict(environment), folder=str(folder), log=str(log)
        )
        return Forked(self, started)

    def ask(self, **question: Any) -> int:
        """Return the origin's answer."""
        with self._lock:
            process = self._process = self._process or self._begin()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(question) + "\n")
            process.stdin.flush()
            return int(process.stdout.readline())

    def _begin(self) -> subprocess.Popen[str]:
        # -P: the modules beside this file are not meant to be found by their bare names.
        command = [sys.executable, "-P", __file__, *self._arguments]
        environment = {**os.environ, **self._environment}
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        atexit.register(_end, process)
        return process


def _end(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    process.wait()
    process.stdout.close()


def main(entry: str, *modules: str) -> None:
    """Be an origin until standard input ends, or what was forked from it."""
    module, _, name = entry.partition(":")
    run = getattr(import_module(module), name)
    for each in modules:
        import_module(each)
    assert threading.active_count() == 1, "a fork has only the thread that forked"
    while line := sys.stdin.readline():
        question = json.loads(line)
        if "wait" in question:
            answer = os.waitstatus_to_exitcode(os.waitpid(question["wait"], 0)[1])
        elif (answer := os.fork()) == 0:
            _become(**question)
            sys.exit(run())
        print(answer, flush=True)


def _become(arguments: list[str], environment: dict[str, str], folder: str, log: str) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[1:] = arguments
    for path, mode, number in (
        (os.devnull, os.O_RDONLY, 0),
        (log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 1),
        (log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 2),
    ):
        opened = os.open(path, mode)
        os.dup2(opened, number)
        os.close(opened)


if __name__ == "__main__":
    main(*sys.argv[1:])
