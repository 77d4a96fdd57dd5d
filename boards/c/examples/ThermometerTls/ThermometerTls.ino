/* Fires `#changed` with {"celsius": ...} once a second: an ESP32 at a server over TLS, which knows it by its certificate.
   TLS is the work of the ESP32's own stack, below the stream of bytes. `secrets.h`, beside this file, defines WIFI_NAME and
   WIFI_PASSWORD, and as texts what `sig certs issue home hall --user thermometer` makes: CA_PEM, HALL_PEM, HALL_KEY. */
#include <SigBoard.h>
#include <WiFi.h>
#include <WiFiClientSecure.h>

#include "secrets.h"

static const char *const events[] = {"#changed"};
static const sigb_app app = {"thermometer", events, SIGB_COUNT_OF(events), NULL, 0, NULL, 0, NULL};

SigBoard board(app);
WiFiClientSecure server;
unsigned long fired, dialled;

void setup()
{
    WiFi.begin(WIFI_NAME, WIFI_PASSWORD);
    configTime(0, 0, "pool.ntp.org"); /* without the time no certificate is valid */
    server.setCACert(CA_PEM);
    server.setCertificate(HALL_PEM);
    server.setPrivateKey(HALL_KEY);
    board.begin(server, true); /* it does not tell how many bytes it takes */
}

void dial()
{
    if (WiFi.status() != WL_CONNECTED || millis() - dialled < 2000)
        return;
    if (server.connect("house.lan", 3001))
        sigb_link_reopened(&board.board.link); /* the session goes on, if it is not too late for that */
    dialled = millis();
}

void loop()
{
    sigb_writer out;
    if (!server.connected()) {
        dial();
        return;
    }
    board.poll();
    if (millis() - fired < 1000 || sigb_open_event(board, 0, &out) != SIGB_OK)
        return; /* not yet, or nobody is connected */
    fired = millis();
    sigb_write_map(&out, 1);
    sigb_write_text(&out, "celsius");
    sigb_write_float(&out, temperatureRead());
    sigb_close(board, &out);
}
