"""What one start ships of its own, bundle after bundle, and how it reads what others shipped."""

from __future__ import annotations

from collections.abc import Mapping

from signalnode.clock import wall_ns
from signalnode.cluster.shipping import Bundle, Packed, Shipment, packed, superseded, unpacked
from signalnode.cluster.store import CheckpointStore
from signalnode.errors import ClusterError
from signalnode.logs import Logger

PRUNE_EVERY = 30  # bundles


class Shipper:
    """Bundles of `name`, by a start of it. `unshipped` says why the newest is not in the store, "" where it
    is; the log has it once, until the store is there again.
    """

    def __init__(
        self, store: CheckpointStore, name: str, start: int, log: Logger, prune_every: int = PRUNE_EVERY
    ) -> None:
        self.unshipped = ""
        self._store, self._name, self._start, self._log = store, name, start, log
        self._prune_every, self._count = prune_every, 0

    def ship(self, content: Mapping[str, Packed]) -> bool:
        """Put one more bundle into the store; whether it is there."""
        self._count += 1
        shipment = Shipment(self._name, self._start, self._count)
        try:
            bundle = Bundle(shipment.shard, shipment.start, shipment.number, wall_ns(), content)
            self._store.write(shipment.name, packed(bundle))
            if self._count % self._prune_every == 0:
                ours = [each for each in self._store.names() if each.startswith(f"{self._name}/")]
                self._store.remove(superseded(ours))
        except ClusterError as error:
            self.tell_away(error)
            return False
        if self.unshipped:
            self._log.info("checkpoints are shipped again", name=self._name)
        self.unshipped = ""
        return True

    def read(self, shipment: Shipment) -> Bundle | None:
        """None where it is torn. Raises ClusterError where the store is away."""
        content = self._store.read(shipment.name)
        try:
            return unpacked(content)
        except ClusterError as error:
            self._log.warning("bundle passed over", name=shipment.name, reason=str(error))
            return None

    def tell_away(self, error: ClusterError) -> None:
        """The store is away: what runs goes on, and a move would start it cold."""
        if not self.unshipped:
            after = "runs on; moved now, cold"
            self._log.error("checkpoints not shipped", name=self._name, reason=str(error), what=after)
        self.unshipped = str(error)
