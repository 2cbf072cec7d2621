"""Digests of what code means: equal after a comment, a docstring, another layout or a move to another file,
different after a change that could change a result.

What is digested is never a list of files. It starts at names and goes on to whatever their definitions read,
through imports, as far as the code is ours: `source` says what each name of a file is bound to, `written` the
text that stands for a statement, `trace` follows the names it reads, `kept` saves doing it twice for this
package, `files` does it for the user's own. Code from elsewhere counts by its name alone.
"""

from signalnode.meaning.files import NO_PYTHON, files_digest
from signalnode.meaning.kept import CLOSED, PACKAGE, kept_digest, own_digest
from signalnode.meaning.trace import DIGITS, Meaning, meaning_of

__all__ = [
    "CLOSED",
    "DIGITS",
    "NO_PYTHON",
    "PACKAGE",
    "Meaning",
    "files_digest",
    "kept_digest",
    "meaning_of",
    "own_digest",
]
