"""A thermometer on a Raspberry Pi Pico, on its UART 0 (pins GP0 and GP1): fires `#changed` every second."""

import time

from machine import ADC, UART, Pin
from sigboard import Board

sensor = ADC(4)  # the one inside the chip
uart = UART(0, 115200, tx=Pin(0), rx=Pin(1), rxbuf=512)


def celsius():
    """Read the sensor, as its data sheet says."""
    return 27 - (sensor.read_u16() * 3.3 / 65535 - 0.706) / 0.001721


board = Board(
    "thermometer",
    uart.read,
    uart.write,
    events=["#changed"],
    requests={"read": lambda params: celsius()},
)
fired = time.ticks_ms()
while True:
    board.poll()
    if time.ticks_diff(time.ticks_ms(), fired) >= 1000 and board.fire("#changed", {"t": celsius()}):
        fired = time.ticks_ms()
