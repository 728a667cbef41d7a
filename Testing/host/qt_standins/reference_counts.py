"""Keeps Python 3.11 alive under PySide6 6.12.

PySide6 6.12 is built with macros of Python 3.12, in which None, True and False are immortal: a call that returns one of them
does not count a reference. Up to Python 3.11 they are counted, each such call takes one away, and after some thousand calls
the interpreter aborts ("deallocating None"). A large number of extra references stands in for immortality.
"""

import ctypes
import sys

EXTRA_REFERENCES = 1 << 40
SINGLETONS = (None, True, False, NotImplemented)


def keep_singletons() -> None:
    """Make None, True, False and NotImplemented outlive the process on Python 3.11; nothing to do from 3.12 on."""
    if sys.version_info >= (3, 12):
        return
    for singleton in SINGLETONS:
        if sys.getrefcount(singleton) < EXTRA_REFERENCES // 2:
            # The reference count is the first field of every object of CPython.
            ctypes.c_ssize_t.from_address(id(singleton)).value += EXTRA_REFERENCES
