"""The watchdog bites a loop that stands still, and no other."""

import subprocess
import sys
import threading
from collections.abc import Callable

import pytest
from support.eventually import eventually

from orderflow.streaming.progress import Progress
from orderflow.streaming.watchdog import EXIT_CODE, Watchdog


def ticks(watchdog: Watchdog, count: int) -> None:
    for _ in range(count):
        watchdog.tick()


def test_a_loop_that_beats_between_the_ticks_is_alive() -> None:
    progress = Progress()
    watchdog = Watchdog(progress, limit_seconds=1)
    for _ in range(100):
        progress.beat()
        watchdog.tick()
        assert watchdog.quiet_seconds == 0
        assert watchdog.alive


def test_quiet_grows_with_every_tick_until_the_limit() -> None:
    watchdog = Watchdog(Progress(), limit_seconds=1)
    ticks(watchdog, 1)
    assert (watchdog.quiet_seconds, watchdog.alive) == (0, True), "the first look only sees where it stands"
    ticks(watchdog, 1)
    assert (watchdog.quiet_seconds, watchdog.alive) == (0.5, True)
    ticks(watchdog, 1)
    assert (watchdog.quiet_seconds, watchdog.alive) == (1.0, False)


def test_one_beat_forgives_all_quiet_before_it() -> None:
    progress = Progress()
    watchdog = Watchdog(progress, limit_seconds=10)
    ticks(watchdog, 20)
    progress.beat()
    watchdog.tick()
    assert watchdog.quiet_seconds == 0


def test_whoever_wants_to_know_hears_how_long_it_is_quiet() -> None:
    heard = list[float]()
    ticks(Watchdog(Progress(), limit_seconds=10, tell=heard.append), 3)
    assert heard == [0, 0.5, 1.0]


@pytest.fixture
def ends() -> list[str]:
    return []


def started(progress: Progress, limit: float, end: Callable[[], None]) -> Watchdog:
    watchdog = Watchdog(progress, limit, end)
    watchdog.start()
    return watchdog


def test_a_loop_that_stands_still_is_ended_once(ends: list[str]) -> None:
    bitten = threading.Event()

    def end() -> None:
        ends.append(threading.current_thread().name)
        bitten.set()

    watchdog = started(Progress(), 0.5, end)
    assert bitten.wait(20)
    eventually(lambda: "watchdog" not in {thread.name for thread in threading.enumerate()}, within=20)
    assert ends == ["watchdog"]
    assert not watchdog.alive


def test_a_watchdog_that_was_stopped_bites_nobody(ends: list[str]) -> None:
    watchdog = started(Progress(), 0.5, lambda: ends.append("bitten"))
    watchdog.stop()
    eventually(lambda: "watchdog" not in {thread.name for thread in threading.enumerate()}, within=20)
    assert ends == []


STUCK = """
import threading
from orderflow.streaming.progress import Progress
from orderflow.streaming.watchdog import Watchdog

def hangs_here():
    threading.Event().wait()

Watchdog(Progress(), 0.5).start()
hangs_here()
"""


def test_a_process_that_is_ended_says_where_it_hung() -> None:
    process = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=60)
    assert process.returncode == EXIT_CODE
    assert "hangs_here" in process.stdout
    assert "no progress, giving up" in process.stdout


CONTINUED = """
import os, signal, subprocess, sys, threading, time
from orderflow.streaming.progress import Progress
from orderflow.streaming.watchdog import Watchdog

progress = Progress()
Watchdog(progress, 2.0).start()
# Continues this process after it has stood still for longer than the watchdog's limit.
subprocess.Popen([sys.executable, "-c", f"import os, time; time.sleep(2.5); os.kill({os.getpid()}, 18)"])
os.kill(os.getpid(), signal.SIGSTOP)
began = time.monotonic()
while time.monotonic() - began < 1.2:
    progress.beat()
    threading.Event().wait(0.05)
print("went on")
"""


def test_a_process_that_was_stopped_and_continued_goes_on() -> None:
    process = subprocess.run([sys.executable, "-c", CONTINUED], capture_output=True, text=True, timeout=60)
    assert (process.returncode, process.stdout) == (0, "went on\n"), process.stderr
