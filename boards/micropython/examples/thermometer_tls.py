"""A thermometer on a Raspberry Pi Pico W, at a server over TLS, which knows it by its certificate.

`boot.py` joins the network and sets the clock (`ntptime.settime()`): without the time no certificate is valid. On the
board are `ca.pem`, `hall.pem` and `hall.key`, as `sig certs issue home hall --user thermometer` makes them.
"""

import socket
import ssl
import time

from machine import ADC
from sigboard import Board

HOST, PORT = "house.lan", 3001

context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which verifies the server
context.load_verify_locations("ca.pem")
context.load_cert_chain("hall.pem", "hall.key")
sensor = ADC(4)  # the one inside the chip
link = None


def connect():
    """Give a link on which nothing waits."""
    sock = socket.socket()
    try:
        sock.connect(socket.getaddrinfo(HOST, PORT, 0, socket.SOCK_STREAM)[0][-1])
        secured = context.wrap_socket(sock, server_hostname=HOST)
        secured.setblocking(False)
        return secured
    except Exception:
        sock.close()
        raise


def read():
    """Give what has come; nothing without a link."""
    data = link.read(256)
    if data == b"":
        raise OSError("the server has ended")
    return data


def write(data):
    """Give how much has left: TLS may have no room now."""
    return link.write(data) or 0


def celsius():
    """Read the sensor, as its data sheet says."""
    return 27 - (sensor.read_u16() * 3.3 / 65535 - 0.706) / 0.001721


board = Board("thermometer", read, write, events=["#changed"], requests={"read": lambda params: celsius()})
fired = time.ticks_ms()
while True:
    try:
        if link is None:
            link = connect()
            board.reopened()  # the session goes on, if it is not too late for that
        board.poll()
        if time.ticks_diff(time.ticks_ms(), fired) >= 1000 and board.fire("#changed", {"t": celsius()}):
            fired = time.ticks_ms()
    except OSError:  # there is no link, or it has ended
        if link is not None:
            link.close()
            link = None
        time.sleep(1)
