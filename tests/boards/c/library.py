"""The C client as a shared library, and its structures."""

from __future__ import annotations

import ctypes as c
from pathlib import Path

from tests.support import ROOT
from tests.support.rig.workshop import Workshop

__all__ = [
    "ANSWER", "ANSWERED", "DELIVER", "FULL", "HEAR", "LOST", "RENEWED", "SMALL", "SOURCES", "WARNINGS",
    "App", "Counters", "Io", "Listened", "Memory", "Method", "Reader", "Writer", "load",
]  # fmt: skip

SOURCE = ROOT / "boards/c/src"
SOURCES = sorted(SOURCE.glob("*.c"))
WARNINGS = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror"]
FULL = ("-DSIGB_REQUESTS=1", "-DSIGB_PARTS=1")
SMALL = ("-DSIGB_CRC32=0",)

Bytes = c.POINTER(c.c_uint8)


class Reader(c.Structure):
    _fields_ = [("at", c.c_void_p), ("end", c.c_void_p), ("value", c.c_uint32), ("failed", c.c_bool)]


class Writer(c.Structure):
    _fields_ = [("at", c.c_void_p), ("room", c.c_uint16), ("size", c.c_uint16)]


READ = c.CFUNCTYPE(c.c_int, c.c_void_p, Bytes, c.c_int)
WRITE = c.CFUNCTYPE(c.c_int, c.c_void_p, Bytes, c.c_int)
MILLIS = c.CFUNCTYPE(c.c_uint16, c.c_void_p)
DELIVER = c.CFUNCTYPE(c.c_bool, c.c_void_p, Bytes, c.c_uint16)
RENEWED = c.CFUNCTYPE(None, c.c_void_p)
ANSWER = c.CFUNCTYPE(c.c_int8, c.c_void_p, c.POINTER(Reader), c.POINTER(Writer))
HEAR = c.CFUNCTYPE(c.c_int8, c.c_void_p, c.POINTER(Reader))
ANSWERED = c.CFUNCTYPE(c.c_int8, c.c_void_p, c.c_int8, c.POINTER(Reader))
LOST = c.CFUNCTYPE(None, c.c_void_p, c.c_uint8, c.c_uint32)


class Io(c.Structure):
    _fields_ = [("read", READ), ("write", WRITE), ("millis", MILLIS), ("user", c.c_void_p)]


class Memory(c.Structure):
    _fields_ = [
        ("bytes", c.c_void_p), ("size", c.c_size_t), ("window", c.c_uint8), ("mtu", c.c_uint8), ("credit", c.c_uint8),
        ("message", c.c_uint16),
    ]  # fmt: skip


class Counters(c.Structure):
    _fields_ = [(name, c.c_uint16) for name in ("damaged", "resent", "doubled", "ignored", "lost")]


class Method(c.Structure):
    _fields_ = [("name", c.c_char_p), ("answer", ANSWER)]


class Listened(c.Structure):
    _fields_ = [("sender", c.c_char_p), ("event", c.c_char_p), ("hear", HEAR)]


class App(c.Structure):
    _fields_ = [
        ("name", c.c_char_p), ("events", c.POINTER(c.c_char_p)), ("event_count", c.c_uint8),
        ("methods", c.POINTER(Method)), ("method_count", c.c_uint8),
        ("listened", c.POINTER(Listened)), ("listened_count", c.c_uint8), ("lost", LOST),
    ]  # fmt: skip


RESULTS = {  # of functions that do not return an int, or take what must not be taken for one
    "shim_board_size": (c.c_size_t, []),
    "shim_memory_size": (c.c_size_t, [c.c_uint8, c.c_uint8, c.c_uint16]),
    "shim_listen": (None, [c.c_void_p, DELIVER, RENEWED]),
    "shim_connected": (c.c_bool, [c.c_void_p]),
    "shim_counters": (c.POINTER(Counters), [c.c_void_p]),
    "shim_status": (c.c_int8, [c.c_void_p]),
    "shim_needed": (c.c_size_t, [c.c_void_p]),
    "shim_there": (c.c_size_t, [c.c_void_p]),
    "sigb_crc16": (c.c_uint16, [c.c_char_p, c.c_uint8]),
    "sigb_crc32": (c.c_uint32, [c.c_char_p, c.c_uint8]),
    "sigb_link_init": (c.c_int8, [c.c_void_p, c.POINTER(Io), c.POINTER(Memory)]),
    "sigb_link_poll": (None, [c.c_void_p]),
    "sigb_link_push": (None, [c.c_void_p]),
    "sigb_link_begin": (c.c_void_p, [c.c_void_p, c.POINTER(c.c_uint16)]),
    "sigb_link_commit": (None, [c.c_void_p, c.c_uint16]),
    "sigb_link_reopened": (None, [c.c_void_p]),
    "sigb_link_finish": (None, [c.c_void_p]),
    "sigb_link_open": (c.c_uint8, [c.c_void_p]),
    "sigb_init": (c.c_int8, [c.c_void_p, c.POINTER(App), c.POINTER(Io), c.POINTER(Memory)]),
    "sigb_poll": (None, [c.c_void_p]),
    "sigb_is_in": (c.c_bool, [c.c_void_p]),
    "sigb_open_event": (c.c_int8, [c.c_void_p, c.c_uint8, c.POINTER(Writer)]),
    "sigb_close": (c.c_int8, [c.c_void_p, c.POINTER(Writer)]),
    "sigb_open_request": (
        c.c_int8, [c.c_void_p, c.POINTER(Writer), c.c_char_p, c.c_char_p, c.c_uint16, ANSWERED]
    ),
    "sigb_fire_int": (c.c_int8, [c.c_void_p, c.c_uint8, c.c_int32]),
    "sigb_fire_float": (c.c_int8, [c.c_void_p, c.c_uint8, c.c_float]),
    "sigb_fire_text": (c.c_int8, [c.c_void_p, c.c_uint8, c.c_char_p]),
    "sigb_reader_of": (Reader, [c.c_char_p, c.c_uint16]),
    "sigb_is_item": (c.c_bool, [c.c_char_p, c.c_uint16]),
    "sigb_peek": (c.c_uint8, [c.POINTER(Reader)]),
    "sigb_skip": (None, [c.POINTER(Reader)]),
    "sigb_read_null": (None, [c.POINTER(Reader)]),
    "sigb_read_bool": (c.c_bool, [c.POINTER(Reader)]),
    "sigb_read_int": (c.c_int32, [c.POINTER(Reader)]),
    "sigb_read_uint": (c.c_uint32, [c.POINTER(Reader)]),
    "sigb_read_float": (c.c_float, [c.POINTER(Reader)]),
    "sigb_read_text": (c.c_void_p, [c.POINTER(Reader), c.POINTER(c.c_uint16)]),
    "sigb_read_bytes": (c.c_void_p, [c.POINTER(Reader), c.POINTER(c.c_uint16)]),
    "sigb_read_list": (c.c_uint16, [c.POINTER(Reader)]),
    "sigb_read_map": (c.c_uint16, [c.POINTER(Reader)]),
    "sigb_write_null": (None, [c.POINTER(Writer)]),
    "sigb_write_bool": (None, [c.POINTER(Writer), c.c_bool]),
    "sigb_write_int": (None, [c.POINTER(Writer), c.c_int32]),
    "sigb_write_uint": (None, [c.POINTER(Writer), c.c_uint32]),
    "sigb_write_float": (None, [c.POINTER(Writer), c.c_float]),
    "sigb_write_text": (None, [c.POINTER(Writer), c.c_char_p]),
    "sigb_write_bytes": (None, [c.POINTER(Writer), c.c_char_p, c.c_uint16]),
    "sigb_write_list": (None, [c.POINTER(Writer), c.c_uint16]),
    "sigb_write_map": (None, [c.POINTER(Writer), c.c_uint16]),
    "sigb_write_raw": (None, [c.POINTER(Writer), c.c_char_p, c.c_uint16]),
}  # fmt: skip


def load(workshop: Workshop, *flags: str) -> c.CDLL:
    """Build it and declare its functions: FULL for all there is, SMALL for what an AVR has."""
    shim = Path(__file__).with_name("shim.c")
    command = ["cc", "-shared", "-fPIC", "-g", "-O1", *WARNINGS, *flags, f"-I{SOURCE}", *SOURCES, shim]
    library = c.CDLL(str(workshop.build("sigb.so", command)))
    for name, (result, arguments) in RESULTS.items():
        if hasattr(library, name):
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    return library
