/* Fires `#changed` with {"celsius": ...} once a second: a TMP36 on A0. */
#include <SigBoard.h>

static const char *const events[] = {"#changed"};
static const sigb_app app = {"thermometer", events, SIGB_COUNT_OF(events), NULL, 0, NULL, 0, NULL};

SigBoard board(app);
unsigned long fired;

void setup()
{
    Serial.begin(115200);
    board.begin(Serial);
}

void loop()
{
    sigb_writer out;
    board.poll();
    if (millis() - fired < 1000 || sigb_open_event(board, 0, &out) != SIGB_OK)
        return; /* not yet, or nobody is connected */
    fired = millis();
    sigb_write_map(&out, 1);
    sigb_write_text(&out, "celsius");
    sigb_write_float(&out, (analogRead(A0) * 5.0f / 1024 - 0.5f) * 100);
    sigb_close(board, &out);
}
