"""Alerts: what is wrong, and when it is over, told to people by a webhook or a command.

`conditions` says how everything stands, `incidents` what of that is worth a word, `outbox` when a receiver is
told and what waits for it, `message` in which words; all pure. `routes` and `process` are the shell.
"""
