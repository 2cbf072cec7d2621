"""Events from files and tables. `capture` (`framing`, `lines`) and `recording` decode files, `store` keeps
what came of that, `playback` plays it as a feed; `loading` hands out all events of some files. `tables`, with
`columns` and `cells`, makes events of DataFrames; `importing`, with `sheets` and `levels`, of CSV files.
"""
