"""What was recorded of a market, hour by hour: `tape` is an engine's end and `ring` the pipe behind it;
`writing` is the recorder's, in `blocks` of the files that `hours` names; `reading` gives it back as events.
"""
