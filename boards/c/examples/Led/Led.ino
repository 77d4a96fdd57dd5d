/* Answers `set` with a boolean and `get`, and follows `#alarm` of whoever fires it: the LED of the board. */
#include <SigBoard.h>

static int8_t set(sigb *, sigb_reader *params, sigb_writer *)
{
    bool on = sigb_read_bool(params);
    if (params->failed)
        return SIGB_BAD_MESSAGE;
    digitalWrite(LED_BUILTIN, on ? HIGH : LOW);
    return SIGB_OK; /* and null, since nothing was written */
}

static int8_t get(sigb *, sigb_reader *, sigb_writer *result)
{
    sigb_write_bool(result, digitalRead(LED_BUILTIN) == HIGH);
    return SIGB_OK;
}

static int8_t alarm(sigb *, sigb_reader *)
{
    digitalWrite(LED_BUILTIN, HIGH);
    return SIGB_OK;
}

static const sigb_method methods[] = {{"set", set}, {"get", get}};
static const sigb_listened listened[] = {{NULL, "#alarm", alarm}};
static const sigb_app app = {"led",    NULL, 0, methods, SIGB_COUNT_OF(methods), listened, SIGB_COUNT_OF(listened),
                             NULL};

SigBoard board(app);

void setup()
{
    pinMode(LED_BUILTIN, OUTPUT);
    Serial.begin(115200);
    board.begin(Serial);
}

void loop()
{
    board.poll();
}
