"""The pressure on the processors, as the kernel tells it."""

from __future__ import annotations

from pathlib import Path

from signalnode_supervisor.durations import NS_PER_S
from signalnode_supervisor.linux.pressure import CpuPressure


def _written(path: Path, mean: float, total_us: int) -> None:
    path.write_text(f"some avg10={mean:.2f} avg60=0.00 avg300=0.00 total={total_us}\nfull avg10=0.00\n")


def test_a_load_that_has_just_come_shows_before_the_mean_follows(tmp_path: Path) -> None:
    path = tmp_path / "cpu"
    pressure = CpuPressure(path)
    _written(path, 0.0, 1_000_000)
    assert pressure.look(0) == 0.0
    _written(path, 1.0, 1_900_000)
    assert pressure.look(NS_PER_S) == 0.9
    assert pressure.look(NS_PER_S + 1) == 0.9
    _written(path, 30.0, 1_900_000)
    assert pressure.look(2 * NS_PER_S) == 0.3


def test_a_kernel_that_does_not_tell_has_the_queue_asked(tmp_path: Path) -> None:
    assert CpuPressure(tmp_path / "absent").look(0) in (0.0, 1.0)
