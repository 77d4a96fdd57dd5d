"""The sketch that speaks TLS is a program for the interfaces that an ESP32 has: it is compiled, and not run."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.boards.c.library import SOURCE
from tests.support import ROOT, within
from tests.support.rig import tools

SKETCH = ROOT / "boards/c/examples/ThermometerTls/ThermometerTls.ino"
ARDUINO = """
#include <stddef.h>
#include <stdint.h>
struct Stream {
    virtual int available() = 0;
    virtual int read() = 0;
    virtual int availableForWrite() { return 0; }
    virtual size_t write(const uint8_t *from, size_t size) = 0;
};
unsigned long millis();
float temperatureRead();
void configTime(long offset, int daylight, const char *server);
"""
WIFI = """
enum { WL_CONNECTED = 3 };
struct Station {
    int begin(const char *name, const char *password);
    int status();
};
extern Station WiFi;
"""
CLIENT = """
struct WiFiClientSecure : Stream {
    int available() override;
    int read() override;
    size_t write(const uint8_t *from, size_t size) override;
    void setCACert(const char *pem);
    void setCertificate(const char *pem);
    void setPrivateKey(const char *pem);
    int connect(const char *host, uint16_t port);
    uint8_t connected();
};
"""
SECRETS = "\n".join(f'#define {name} "x"' for name in ("WIFI_NAME", "WIFI_PASSWORD", "CA_PEM", "HALL_PEM", "HALL_KEY"))


def test_it_compiles(tmp_path: Path) -> None:
    tools.need(tools.CPP)
    for name, text in (("Arduino", ARDUINO), ("WiFi", WIFI), ("WiFiClientSecure", CLIENT), ("secrets", SECRETS)):
        (tmp_path / f"{name}.h").write_text(text)
    command = ["g++", "-std=c++11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{tmp_path}", f"-I{SOURCE}"]
    done = subprocess.run([*command, "-x", "c++", str(SKETCH)], capture_output=True, text=True, timeout=within(60))
    assert done.returncode == 0, done.stderr
