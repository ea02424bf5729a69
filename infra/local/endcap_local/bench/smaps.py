"""Memory of this process, as Linux tells it: what it holds alone, and what it merely has mapped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SMAPS = Path("/proc/self/smaps")


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes in RAM.

    Attributes
    ----------
    private : that no other process has, without unchanged pages of the files in the folder given: the system drops
        those when it needs room, and processes that map the same file share them
    mapped : pages of those files
    resident : all together, shared libraries too
    """

    private: int
    mapped: int
    resident: int


def memory_of(lines: Iterable[str], folder: Path) -> Memory:
    """What the lines of /proc/<pid>/smaps say.

    Parameters
    ----------
    folder : whose files count as mapped
    """
    private = mapped = resident = 0
    within, inside = f"{folder.resolve()}/", False
    for line in lines:
        name, _, rest = line.partition(" ")
        if not name.endswith(":"):  # "address permissions offset device inode path" begins a mapping
            inside = line.partition("/")[2] != "" and ("/" + line.partition("/")[2]).startswith(within)
        elif name == "Rss:":
            resident += _bytes(rest)
            mapped += _bytes(rest) if inside else 0
        elif name == "Private_Dirty:" or (name == "Private_Clean:" and not inside):
            private += _bytes(rest)
    return Memory(private, mapped, resident)


def own_memory(folder: Path) -> Memory | None:
    """What this process has; None where the system does not tell."""
    try:
        with SMAPS.open() as lines:
            return memory_of(lines, folder)
    except OSError:
        return None


def _bytes(rest: str) -> int:
    return int(rest.split()[0]) * 1024  # smaps counts in units of 1,024 bytes
