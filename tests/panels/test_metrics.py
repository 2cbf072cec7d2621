"""The node in numbers: what is written, and what is left out."""

from __future__ import annotations

import re
import shutil
import subprocess

import msgspec
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from signalnode.bus.wire import Layer5State, ProcessState, SourceState, ViewMessage
from signalnode.panels.metrics import Facts, Totals, exposition, not_ready
from tests.panels.test_cluster import AT_WORK
from tests.panels.web.made import LIVE_HEALTH, T0_NS, market, view

PROCESSES = [
    {"name": "BTC-USD", "state": "up", "restarts": 2, "cpu_s": 1.5, "pss_bytes": 7_000_000},
    {"name": 'od"d\\', "state": "given_up", "restarts": 6, "cpu_s": None, "pss_bytes": None},
    {"name": "alerts", "role": "alerts", "state": "up", "restarts": 0, "sent": 7, "lost": 1},
    {
        "name": "recorder",
        "role": "recorder",
        "state": "up",
        "recording": "no room",
        "gaps": 2,
        "recorded_bytes": 9,
    },
]


def facts(shown: ViewMessage | None, **changed: object) -> Facts:
    totals = Totals()
    if shown is not None:
        totals.take(shown)
    return Facts(**{"view": shown, "age_s": 0.2, "totals": totals, "processes": PROCESSES, **changed})  # type: ignore[arg-type]


FULL = view(
    A_USD=market(health=LIVE_HEALTH, momentum_long=91.5), B_USD=market("stale", unknown=("volume_spike",))
)


def lines(text: bytes) -> dict[str, str]:
    return dict(line.rsplit(" ", 1) for line in text.decode().splitlines() if not line.startswith("#"))


def test_each_market_channel_process_strategy_and_regime_has_its_numbers() -> None:
    told = lines(exposition(facts(FULL)))
    assert told['signalnode_market_state{market="A-USD",state="live"}'] == "1"
    assert told['signalnode_market_state{market="B-USD",state="stale"}'] == "1"
    assert told['signalnode_score{market="A-USD",signal="momentum_long"}'] == "91.5"
    assert told['signalnode_channel_silent{market="A-USD",channel="depth"}'] == "1"
    assert told['signalnode_channel_silent{market="A-USD",channel="trades"}'] == "0"
    assert told['signalnode_feed_gaps_total{market="A-USD",channel="trades"}'] == "1"
    assert told['signalnode_process_restarts_total{process="BTC-USD"}'] == "2"
    assert told['signalnode_process_state{process="od\\"d\\\\",state="given_up"}'] == "1"
    assert told['signalnode_decisions_total{strategy="threshold"}'] == "3"
    assert told['signalnode_strategy_turns_lost_total{strategy="threshold",why="time"}'] == "2"
    assert told["signalnode_decisions_withheld_total"] == "1"
    assert told['signalnode_delivery_latency_seconds_bucket{le="0.0025"}'] == "8"
    assert told['signalnode_delivery_latency_seconds_bucket{le="+Inf"}'] == "9"
    assert told["signalnode_delivery_latency_seconds_count"] == "9"
    assert told['signalnode_regime_ratio{regime="trending"}'] == "0.4"
    assert (told["signalnode_alerts_sent_total"], told["signalnode_alerts_outage_seconds"]) == ("7", "0")
    assert (told["signalnode_recording"], told["signalnode_recording_gaps_total"]) == ("0", "2")


def test_a_market_and_its_process_spell_a_state_in_the_same_way() -> None:
    resting = view(A_USD=market("down", process=ProcessState(state="given_up", restarts=6, why="")))
    assert (
        lines(exposition(facts(resting)))['signalnode_market_state{market="A-USD",state="given_up"}'] == "1"
    )


def test_hosts_shards_grants_and_digests_of_a_cluster_have_their_numbers() -> None:
    grant_s = T0_NS // 10**9 - 99
    first = msgspec.structs.replace(AT_WORK.shards["s1"], grants=[grant_s - 9, grant_s])
    away = msgspec.structs.replace(
        AT_WORK,
        shards=AT_WORK.shards | {"s1": first},
        unshipped={"s3://b is away": ["s1", "layer 5"]},
        unplaced={"M": "no"},
        unplaced_more=2,
        moved=7,
    )
    layer5 = Layer5State(sources={"s1": SourceState(host="h", markets=3, age_s=0.25)})
    told = lines(exposition(facts(msgspec.structs.replace(FULL, cluster=away, layer5=layer5))))
    assert told['signalnode_cluster_host_state{host="10.0.0.2",state="up"}'] == "1"
    assert told['signalnode_cluster_host_state{host="10.0.0.3",state="lost"}'] == "1"
    assert told['signalnode_cluster_host_markets{host="10.0.0.2"}'] == "3"
    assert told['signalnode_cluster_shard_state{shard="s2",state="asked"}'] == "1"
    assert told['signalnode_cluster_shard_age_seconds{shard="s1"}'] == "0.3"
    assert told['signalnode_cluster_grant_age_seconds{shard="s1"}'] == "100"
    away_of = {name: told[f'signalnode_cluster_checkpoints_away{{shard="{name}"}}'] for name in ("s1", "s2")}
    assert away_of == {"s1": "1", "s2": "0"}
    assert told['signalnode_cluster_checkpoints_away{shard="layer 5"}'] == "1"
    assert told["signalnode_cluster_markets_unplaced"] == "3"
    assert (told["signalnode_cluster_markets_wanted"], told["signalnode_cluster_markets_ready"]) == ("3", "2")
    assert (told["signalnode_cluster_moves_total"], told["signalnode_cluster_head_age_seconds"]) == (
        "7",
        "0.2",
    )
    assert told['signalnode_source_age_seconds{source="s1"}'] == "0.25"
    assert not [key for key in lines(exposition(facts(FULL))) if "cluster" in key]


def test_a_score_that_may_not_be_used_is_not_there() -> None:
    told = lines(exposition(facts(FULL)))
    assert not [key for key in told if key.startswith('signalnode_score{market="B-USD"')]
    assert 'signalnode_process_pss_bytes{process="od\\"d\\\\"}' not in told
    assert not [key for key in lines(exposition(facts(FULL, with_scores=False))) if "_score{" in key]


def test_of_a_market_that_is_gone_nothing_is_left() -> None:
    totals = Totals()
    totals.take(view(1, A_USD=market(), B_USD=market()))
    totals.take(view(2, A_USD=market()))
    left = exposition(Facts(view=view(2, A_USD=market()), age_s=0.1, totals=totals))
    assert b"B-USD" not in left


def test_scores_are_counted_over_the_engines_restarts() -> None:
    totals = Totals()
    for place, (epoch, seq) in enumerate([(1, 10), (1, 15), (2, 3), (2, 4)]):
        totals.take(view(place, A=market(seq=seq, epoch=epoch)))
    assert totals.scores == {"A": 9}  # 5, then 3 of the new epoch, then 1


def test_before_the_first_view_there_is_little_and_it_is_said() -> None:
    told = lines(exposition(facts(None, age_s=None)))
    assert told["signalnode_up"] == "0"
    assert not [key for key in told if "market" in key]


def test_ready_is_a_node_with_one_market_that_may_be_used() -> None:
    assert not_ready(FULL, 0.2) == []
    assert not_ready(view(B_USD=market("stale")), 0.2) == ["B-USD: stale"]
    assert not_ready(FULL, 10.0) == not_ready(None, None) == ["nothing is heard of Layer 5"]


def test_both_formats_are_well_formed() -> None:
    plain, open_ = exposition(facts(FULL)), exposition(facts(FULL), openmetrics=True)
    assert b"# TYPE signalnode_scores_total counter" in plain
    assert b"# TYPE signalnode_scores counter" in open_
    assert open_.endswith(b"# EOF\n")
    families = {each.name: each for each in text_string_to_metric_families(open_.decode())}
    assert families["signalnode_scores"].type == "counter"
    assert families["signalnode_delivery_latency_seconds"].type == "histogram"
    for text in (plain, open_):
        names = re.findall(rb"^# TYPE (\S+)", text, re.M)
        assert len(names) == len(set(names))


def test_promtool_finds_no_fault() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not here; it comes with Debian's prometheus")
    done = subprocess.run(
        [promtool, "check", "metrics"], input=exposition(facts(FULL)), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
