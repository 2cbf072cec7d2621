"""Events from files: `capture` (`framing`, `lines`) and `recording` decode them, `store` keeps what came
of that, `playback` plays it as a feed. `loading` hands out all events of some files.
"""
