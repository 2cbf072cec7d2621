"""The score bus: the wire contract, the publisher, the subscriber, and what repairs a gap.

Engines bind one PUB socket a market; the aggregator subscribes to all and re-publishes. A message is two
frames: its topic, then one msgpack map.
"""
