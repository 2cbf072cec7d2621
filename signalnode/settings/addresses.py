"""Addresses that a node goes to by itself, checked: venues, the cluster, where alerts are sent."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import urlsplit

from signalnode.names import PORT_MAX, host_and_port, is_loopback, source_fault
from signalnode.settings.cluster import ClusterSettings
from signalnode.settings.model import (
    LIVE_VENUES,
    SOURCES_MAX,
    AggregatorSettings,
    NodeSettings,
    VenueSettings,
    is_live_venue,
)
from signalnode.settings.reading import ConfigFaults, read_table, shown
from signalnode.settings.watching import AlertSettings

URL_BYTES_MAX = 4_096
URL_SCHEMES = {"ws_url": ("ws", "wss"), "rest_url": ("http", "https")}  # of a venue: plain and encrypted


def check_venues(node: NodeSettings, path: Path, faults: ConfigFaults) -> None:
    """Add what is wrong with `[venues]`."""
    for venue, table in node.venues.items():
        where = f"venues.{venue}"
        if not is_live_venue(venue):
            faults.add(path, where, f"is not known; use {', '.join(LIVE_VENUES)}, ccxt-EXCHANGE")
        elif not isinstance(table, dict):
            faults.add(path, where, "is no table; give it ws_url or rest_url")
        else:
            read = read_table(VenueSettings, table, path, f"{where}.", faults)
            for key, schemes in URL_SCHEMES.items():
                url = getattr(read, key, "")
                wrong = url_fault(url, schemes) if url else None
                if wrong:
                    faults.add(path, f"{where}.{key}", wrong)


def url_fault(url: str, schemes: tuple[str, str]) -> str | None:
    """What is wrong with an address of a venue, with the mend. Of the two schemes the first is unencrypted,
    and stays on this machine.
    """
    plain, secure = schemes
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", None
    if parts is None or not host or parts.scheme not in schemes:
        return f"{url!r} is no address; write it like {secure}://host/path"
    if parts.scheme == plain and not is_loopback(host):
        return f"{url} is not encrypted; use {secure}://"
    return None


def check_alerts(alerts: AlertSettings, path: Path, faults: ConfigFaults) -> None:
    """Add what is wrong with `[alerts]`. The address of a webhook is a secret, so no fault repeats it."""
    if alerts.webhook and (wrong := webhook_fault(alerts.webhook)):
        faults.add(path, "alerts.webhook", wrong)
    if alerts.webhook_file is not None:
        _check_webhook_file(alerts, alerts.webhook_file, path, faults)
    if alerts.command and (fault := _program_fault(alerts.command[0])):
        faults.add(path, "alerts.command", fault)
    if (alerts.states or alerts.decisions) or not alerts.is_on:
        return
    faults.add(path, "alerts", "says where and not what; name states or decisions, or leave it out")


def _check_webhook_file(alerts: AlertSettings, file: Path, path: Path, faults: ConfigFaults) -> None:
    key = "alerts.webhook_file"
    if alerts.webhook:
        faults.add(path, key, "stands beside webhook; leave one of them out")
    try:
        fault = webhook_fault(webhook_in(file))
    except OSError as error:
        faults.add(path, key, f"{shown(file)} cannot be read ({error.strerror}); write the address into it")
    else:
        if fault:
            faults.add(path, key, f"what {shown(file)} holds {fault}")


def webhook_in(file: Path) -> str:
    """The address in a file. Raises OSError."""
    with file.open("rb") as opened:
        return opened.read(URL_BYTES_MAX).decode(errors="replace").strip()


def webhook_fault(url: str) -> str:
    """What is wrong with the address of a webhook, without it; "" where nothing is."""
    is_printed = url.isascii() and url.isprintable() and " " not in url
    if not is_printed or url_fault(url, URL_SCHEMES["rest_url"]):
        mend = "write it like https://host/path, on this machine http:// will do"
        return f"is no address, or not encrypted; {mend}"
    if "@" in urlsplit(url).netloc:
        return "names a user; put what it is to know into its path or query"
    return ""


def check_cluster(cluster: ClusterSettings | None, path: Path, faults: ConfigFaults) -> None:
    """Add what is wrong with `[cluster]`."""
    if cluster is None:
        return
    head = host_and_port(f"tcp://{cluster.head}")
    if head is None or not 0 < head[1] <= PORT_MAX:
        faults.add(path, "cluster.head", f"{cluster.head!r} is no host and port; write it like 10.0.0.1:6379")
    scheme, _, place = cluster.checkpoints.partition("://")
    if not scheme.isalnum() or not place or (scheme == "file" and not place.startswith("/")):
        what = f"{cluster.checkpoints!r} is no place that all hosts share"
        faults.add(
            path, "cluster.checkpoints", f"{what}; write it like file:///DIRECTORY or s3://BUCKET/PREFIX"
        )


def check_sources(aggregator: AggregatorSettings, path: Path, faults: ConfigFaults) -> None:
    """Add what is wrong with `sources`; what stands in the file is looked at when it is read."""
    if len(aggregator.sources) > SOURCES_MAX:
        faults.add(path, "aggregator.sources", f"names {len(aggregator.sources)}; {SOURCES_MAX} is the most")
    for source in aggregator.sources:
        if fault := source_fault(source, has_keys=aggregator.keys_dir is not None):
            faults.add(path, "aggregator.sources", fault)


def _program_fault(program: str) -> str | None:
    if "\0" in program or not program:
        return "names no program; write it like ['notify-send', 'signalnode']"
    if shutil.which(program):
        return None
    if Path(program).exists():
        return f"{shown(Path(program))} cannot be executed; chmod +x it"
    return f"there is no program {program}; name one of your PATH, or by its whole path"
