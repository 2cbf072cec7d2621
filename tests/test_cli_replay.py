"""The command line's `replay`: whose parameters it scores with."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from signalnode.cli import main
from signalnode.feeds import synthetic_events
from signalnode.feeds.recording import write_recording

MARKET = 'market = "BTC-USDT"\n[feed]\nkind = "synthetic"\n[signals]\nbaseline_s = 10.0\n'


@pytest.mark.parametrize("how", ["default", "environment", "named", "nowhere"])
def test_replay_scores_with_the_parameters_the_market_has_in_the_config(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    how: str,
) -> None:
    config = tmp_path / "config" / "signalnode.toml"
    (config.parent / "markets").mkdir(parents=True)
    config.touch()
    (config.parent / "markets" / "BTC-USDT.toml").write_text(MARKET)
    monkeypatch.chdir(config.parents[1] if how == "default" else config.parent)
    if how == "environment":
        monkeypatch.setenv("SIGNALNODE_CONFIG", str(config))
    out = tmp_path / "out.parquet"
    write_recording(tmp_path / "a.parquet", synthetic_events(1, 1_000), market="BTC-USDT", venue="")
    argv = ["replay", str(tmp_path / "a.parquet"), "--market", "BTC-USDT", "--out", str(out)]
    assert main([*argv, "--config", str(config)] if how == "named" else argv) == 0
    is_known = how != "nowhere"
    assert (pq.read_table(out)["warm"][-1].as_py() == 1.0) is is_known
    assert ("BTC-USDT.toml" in capsys.readouterr().err) is is_known
