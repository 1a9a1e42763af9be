"""Death between the data file and the commit: the kernel kills the process as it makes a commit visible.

Delta's writer puts a commit in place by giving the finished file its name with a hard link, and does so nowhere else.
A filter on that system call therefore ends the process, without any handler or clean-up, when all data files are
written and the commit is not.
"""

from __future__ import annotations

import ctypes
import platform
import struct

SYSTEM_CALLS = {"x86_64": (86, 265, 317), "aarch64": (-1, 37, 277)}  # link, linkat, seccomp
NO_NEW_PRIVILEGES = 38
FILTER, ALL_THREADS = 1, 1
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
KILL, ALLOW = 0x80000000, 0x7FFF0000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))


def die_at_next_commit() -> None:
    """From now on this process dies (SIGSYS) where it would make a Delta commit in a local folder visible."""
    link, linkat, seccomp = SYSTEM_CALLS[platform.machine()]
    steps = (
        (LOAD, 0, 0, 0),
        (EQUAL, 1, 0, linkat),
        (EQUAL, 0, 1, link & 0xFFFFFFFF),
        (RETURN, 0, 0, KILL),
        (RETURN, 0, 0, ALLOW),
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *step) for step in steps))
    program = _Program(len(steps), ctypes.cast(code, ctypes.c_void_p))
    system = ctypes.CDLL(None, use_errno=True)
    assert system.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0
    assert system.syscall(seccomp, FILTER, ALL_THREADS, ctypes.byref(program)) == 0, ctypes.get_errno()
