"""More than one machine: shards of markets on many hosts, placed by one coordinator, carried by Ray.

What runs where. A *shard* is a detached actor that runs our own `signalnode run` as its child, on a config
made for it. Ray starts the actor again elsewhere when its host dies. The *coordinator* is a detached actor on
the head, which holds no market. Ray says which hosts there are and keeps a small store; nothing here trusts
it with who is heard: that is decided by epochs, at each subscriber.

    wanted markets ──► coordinator ──Assign──► shard (agent) ──market files──► signalnode run
                        ▲  │ plan               │                               │ epoch of its grant
            Report ─────┘  └─ TakeGrant         └─ ships checkpoints            ▼ subscribers: newest epoch

**Grants.** A grant is a number that was put if absent in Ray's store, and higher than any before it
(`fencing.proposal`, `fencing.is_taken`). Three things take one:

- each *start* of a shard: `start` here. It names the shard's directory and its checkpoints, and is the grant
  of its aggregator. A shard always starts empty, in a directory made anew: left-over files revive nothing.
- each *plan* of the coordinator: one grant for all markets that it hands over. A market's epoch is
  `grant << 16 | restarts` of the grant it was handed over with. It is not the shard's own: a market that
  moves to a shard which started earlier would come with an older epoch, and nobody would hear it.
- each start of a coordinator: its *term*. Shards obey the highest term; a coordinator that hears of a higher
  one ends.

The node learns them from its made config: `[shard] name, grant` in the node's file (which also allows it no
markets at all), and `grant` in each market's file. Another grant is another setting, so `reload` starts that
market again. `bus.epoch.next_epoch` does the rest.

**Assign is the whole set** of markets that a shard is to run, each with its grant, so that it may be lost,
repeated or late: the shard takes the newest revision and reports which one that is. A market is in the sets
of two shards while it moves as planned: the one before is told to let go when the new one is ready.

**Nobody fences by time.** A shard that hears nothing from the head goes on, as it must when the head is
down. When its markets were given to another, they are heard there alone, by epoch. Back again it
reports, and is told its set anew. What it let go, it never runs again under that grant (`fencing.Fencing`,
kept on disk).

The rooms, all pure: `messages` (what coordinator, shards and shell say to each other), `placement` (`plan`),
`lifecycle` (a shard's states as a table), `known` and `coordinator` (events with a time in, commands out),
`overview` (how it all stands), `fencing` (grants, and what a shard may run), `shipping` (checkpoints as one
object). `store` keeps those through fsspec, and alone imports it; `shipper` and `learnt` put there what a
shard and Layer 5 have. Around them: `config` and `keys` (what
reaches every host), `agent` (a shard's start), `head` (the coordinator's) and `layer5`. They are told by
`ray` and `actors`, which alone import Ray; `node` and `daemons` are the processes below them.
"""
