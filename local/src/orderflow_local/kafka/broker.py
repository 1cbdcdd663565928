"""One embedded broker as a child process in a session of its own."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orderflow_local.errors import BrokerFailed
from orderflow_local.kafka.config import (
    CLEAN_END,
    FENCED,
    METADATA_LOG,
    QUIET,
    STARTED,
    BrokerSpec,
    log4j_properties,
    render,
    server_properties,
    settling_properties,
)
from orderflow_local.kafka.distribution import Distribution
from orderflow_local.kafka.storage import format_folder, is_formatted
from orderflow_local.net import answers_kafka, free_port, is_free

READY_WITHIN = 60.0  # seconds; a start takes a few, a recovery of much data more
STOP_WITHIN = 20.0  # seconds for a controlled shutdown before the process is killed
POLL_EVERY = 0.05  # seconds
FENCED_WITHIN = 3.0  # seconds until a controller that has started declares a silent broker gone

JAVA_EXCEPTION = re.compile(r"^(Caused by: |Exception in thread \S+ )?[\w.$]+(Exception|Error): ")

DEFAULT_JVM_OPTIONS = ("-XX:+UseSerialGC",)


@dataclass
class Broker:
    """A single-node Kafka (KRaft) on 127.0.0.1; data outlives the process, not the folder."""

    distribution: Distribution
    data_dir: Path
    log_dir: Path
    port: int = field(default_factory=free_port)
    host: str = "127.0.0.1"
    heap: str = "512m"
    jvm_options: tuple[str, ...] = DEFAULT_JVM_OPTIONS
    environment: Mapping[str, str] = field(default_factory=dict)  # on top of this process's own
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def bootstrap_servers(self) -> str:
        """What a client sets as `bootstrap.servers`."""
        return f"{self.host}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process id, or None while no process was started."""
        return self._process.pid if self._process else None

    @property
    def is_running(self) -> bool:
        """Tell whether the process lives (a paused one does)."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process; a new data folder is formatted first.

        After a kill this takes some seconds: nobody may end transactions before the node is settled.
        """
        if self.is_running:
            raise BrokerFailed(f"The broker on port {self.port} runs already as process {self.pid}.")
        if not is_free(self.host, self.port):
            raise BrokerFailed(
                f"Port {self.port} on {self.host} is taken; stop what listens there or choose another port."
            )
        if not is_formatted(self.data_dir):
            self.format()
        elif not (self.data_dir / CLEAN_END).exists():
            self._settle()
        self._spawn(self._write_configuration(server_properties))

    def format(self) -> None:
        """Make the data folder that of a new cluster; `start` does so where it is none yet."""
        properties = self._write_configuration(server_properties)

        def run_tool(cluster: str) -> None:
            arguments = ("format", "--cluster-id", cluster, "--config", properties)
            command = self._java((*DEFAULT_JVM_OPTIONS, "-Xmx256m"), "kafka.tools.StorageTool", *arguments)
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                words = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no reason given"]
                raise BrokerFailed(f"The data folder {self.data_dir} could not be formatted: {words[0]}")

        format_folder(self.data_dir, self.distribution.first_records, run_tool)

    def _settle(self) -> None:
        """Run the controller alone until it has declared the killed broker gone, and written that down."""
        log = self.log_dir / "kafka.log"
        begin = log.stat().st_size if log.exists() else 0
        self._spawn(self._write_configuration(settling_properties))
        self._wait_until(lambda: STARTED in _text_from(log, begin), READY_WITHIN)
        # It says nothing where the broker was declared gone before; that wait is only lost time.
        self._wait_until(lambda: FENCED in _text_from(log, begin), FENCED_WITHIN)
        # It says so before it writes so; whatever it writes next comes after that.
        written = self._metadata_bytes()
        self._wait_until(lambda: self._metadata_bytes() > written, FENCED_WITHIN)
        if not self.is_running:
            raise BrokerFailed(f"The broker ended while starting: {self._last_words()}")
        self.stop()

    def _wait_until(self, done: Callable[[], bool], within: float) -> None:
        deadline = time.monotonic() + within
        while not done() and time.monotonic() < deadline and self.is_running:
            time.sleep(POLL_EVERY)

    def _metadata_bytes(self) -> int:
        return sum(log.stat().st_size for log in (self.data_dir / METADATA_LOG).glob("*.log"))

    def _spawn(self, properties: Path) -> None:
        with (self.log_dir / "kafka-console.log").open("ab") as console:
            self._process = subprocess.Popen(
                self._java(
                    (f"-Xms{self.heap}", f"-Xmx{self.heap}", *self.jvm_options), "kafka.Kafka", properties
                ),
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )

    def wait_ready(self, timeout: float = READY_WITHIN) -> None:
        """Return once the broker answers requests; raise BrokerFailed if it ends or takes longer."""
        deadline = time.monotonic() + timeout
        while not answers_kafka(self.host, self.port):
            if not self.is_running:
                raise BrokerFailed(f"The broker ended while starting: {self._last_words()}")
            if time.monotonic() > deadline:
                raise BrokerFailed(
                    f"The broker on port {self.port} did not answer in {timeout:.0f} s; see {self.log_dir}."
                )
            time.sleep(POLL_EVERY)

    def stop(self, timeout: float = STOP_WITHIN) -> None:
        """Shut the broker down in order; kill it once the time is over."""
        if self._process is None:
            return
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the process as a power cut would (SIGKILL)."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def pause(self) -> None:
        """Freeze the process: connections stay open and nothing answers (SIGSTOP)."""
        self._signal(signal.SIGSTOP)
        if self._process is not None and self._process.returncode is None:
            # The signal only asks; one more answer may leave before the last thread has stopped.
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Let a frozen process go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def restart(self, timeout: float = READY_WITHIN) -> None:
        """Stop the broker and start it on the same port and data; return once it answers."""
        self.stop()
        self.start()
        self.wait_ready(timeout)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, number)

    def _write_configuration(self, settings: Callable[[BrokerSpec], dict[str, str]]) -> Path:
        # Folders are made here so that a broker object alone leaves no trace.
        for folder in (self.data_dir, self.log_dir, self._config_dir):
            folder.mkdir(parents=True, exist_ok=True)
        spec = BrokerSpec(self.data_dir, self.log_dir, self.port, free_port(), self.host)
        properties = self._config_dir / "server.properties"
        properties.write_text(render(settings(spec)))
        self._log4j.write_text(render(log4j_properties(self.log_dir)))
        return properties

    @property
    def _config_dir(self) -> Path:
        return self.data_dir.with_name("config")

    @property
    def _log4j(self) -> Path:
        return self._config_dir / "log4j2.properties"

    def _java(self, options: tuple[str, ...], main_class: str, *arguments: str | Path) -> list[str]:
        archive = self.distribution.quick_start
        return [
            str(self.distribution.java),
            *QUIET,
            *((f"-XX:AOTCache={archive}",) if archive.exists() else ()),
            *options,
            f"-Dlog4j2.configurationFile={self._log4j}",
            "-cp",
            self.distribution.classpath,
            main_class,
            *map(str, arguments),
        ]

    def _last_words(self) -> str:
        """Return the last thing that reads as a reason in what the process wrote, on one line."""
        lines: list[str] = []
        for name in ("kafka-console.log", "kafka.log"):
            path = self.log_dir / name
            lines += path.read_text(errors="replace").splitlines()[-400:] if path.exists() else []
        reasons = [line for line in lines if JAVA_EXCEPTION.match(line)]
        return (reasons or lines or ["it wrote nothing"])[-1].strip()[:300]


def _text_from(path: Path, position: int) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(position)
        return file.read().decode(errors="replace")
