"""A lamp that shares its USB port with the REPL: switched by a request, and by what a sender `clock` says."""

import select
import sys

import micropython
from machine import Pin
from sigboard import Board

led = Pin("LED", Pin.OUT)
waiting = select.poll()
waiting.register(sys.stdin, select.POLLIN)
running = True


def read():
    """Give what has come, byte by byte: to ask for more would wait for it."""
    data = bytearray()
    while len(data) < 64 and waiting.poll(0):
        data.extend(sys.stdin.buffer.read(1))
    return data


def set_led(params):
    """Switch the lamp."""
    if not isinstance(params, bool):
        raise ValueError("true or false is expected")
    led.value(params)
    return params


def stop(params):
    """End, so that the REPL is there again."""
    global running
    running = False


micropython.kbd_intr(-1)  # byte 3 would be Ctrl-C, and packets have it
board = Board(
    "lamp",
    read,
    sys.stdout.buffer.write,
    requests={"led.set": set_led, "stop": stop},
    listens=[(("clock", "second"), lambda value: led.value(value % 2))],
)
while running:
    board.poll()
board.close()
micropython.kbd_intr(3)
