"""The web page: `board` and `market` say what is shown, `access` who may ask, `process` is the shell."""
