"""Live markets: a gateway holds a venue's connections and passes raw frames on; a feed decodes them.

`sessions/` has one file a venue: its words, and the limits it sets. What a connection does with them is
`session.py`, pure; `connection.py` is the one file with asyncio, `gateway.py` the process, `feed.py` the
engine's end.
"""
