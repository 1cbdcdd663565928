"""A Secret as the kubelet mounts it: plain files by name, all of them replaced in one step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass
class MountedSecret:
    """A folder whose files are links into a folder that is swapped as a whole."""

    folder: Path
    writes: int = 0

    def write(self, **files: str) -> None:
        """Put these contents in place of all there were; `user_crt` is the file user.crt."""
        self.writes += 1
        data, link = self.folder / f"..{self.writes}", self.folder / "..data"
        data.mkdir(parents=True)
        for name, content in files.items():
            (data / name.replace("_", ".")).write_text(content)
            named = self.folder / name.replace("_", ".")
            if not named.is_symlink():
                named.symlink_to(Path("..data") / named.name)
        swap = self.folder / "..swap"
        swap.symlink_to(data.name)
        swap.replace(link)

    def file(self, name: str) -> Path:
        """Return where a process finds a file."""
        return self.folder / name
