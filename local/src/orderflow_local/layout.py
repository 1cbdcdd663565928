"""Where things lie in the data folder."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The folder of one system on this machine; `root` is absolute, so processes may start anywhere."""

    root: Path

    @property
    def lock(self) -> Path:
        """Held by the supervisor as long as it lives."""
        return self.root / "lock"

    @property
    def state(self) -> Path:
        """What the supervisor started, for the other commands and for the next run."""
        return self.root / "state.json"

    @property
    def kafka(self) -> Path:
        """Data and configuration of the embedded broker."""
        return self.root / "kafka"

    @property
    def tables(self) -> Path:
        """The database that analytics fills."""
        return self.root / "tables.db"

    @property
    def logs(self) -> Path:
        """One rotating file for each process."""
        return self.root / "logs"

    def log_of(self, name: str) -> Path:
        """Return the log file of a process."""
        return self.logs / f"{name}.log"
