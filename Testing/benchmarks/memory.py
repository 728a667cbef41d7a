"""Peak memory of a benchmark's own process."""

from pathlib import Path


def peak_memory_gb() -> float:
    """Peak of this process alone; getrusage would also count the parent that started it."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kilobytes) * 1024 / 1e9
