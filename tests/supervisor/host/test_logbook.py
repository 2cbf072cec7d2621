"""Logs on disk, and what becomes of them when the disk changes under them."""

from __future__ import annotations

import shutil
from pathlib import Path

from signalnode_supervisor.host.logbook import LogFiles
from signalnode_supervisor.logs import follow
from signalnode_supervisor.settings import Settings


def test_a_directory_of_logs_that_somebody_removed_is_made_again(tmp_path: Path) -> None:
    settings = Settings(runtime_dir=tmp_path, state_dir=tmp_path, log_file_bytes_max=100)
    files = LogFiles(settings)
    for number in range(5):  # past the limit, so that the next line would turn over what is gone
        files.write({"child": "a", "number": number})
    shutil.rmtree(tmp_path / "logs")
    files.write({"child": "a", "number": 5})
    assert [entry["number"] for entry in follow(settings.log_path("a"))] == [5]
