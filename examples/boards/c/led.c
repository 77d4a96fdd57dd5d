/* A lamp: answers `set` with a boolean and `get`, and goes on when anybody fires the channel `#alarm`. */
#include "port.h"
#include "sigb.h"

static sigb board;
static bool lit;

static void light(bool on)
{
    lit = on;
    port_led(on);
}

static int8_t set(sigb *self, sigb_reader *params, sigb_writer *result)
{
    bool on = sigb_read_bool(params);
    (void)self;
    if (params->failed)
        return SIGB_BAD_MESSAGE;
    light(on);
    sigb_write_bool(result, lit);
    return SIGB_OK;
}

static int8_t get(sigb *self, sigb_reader *params, sigb_writer *result)
{
    (void)self;
    (void)params;
    sigb_write_bool(result, lit);
    return SIGB_OK;
}

static int8_t alarm(sigb *self, sigb_reader *value)
{
    (void)self;
    (void)value;
    light(true);
    return SIGB_OK;
}

static const sigb_method methods[] = {{"set", set}, {"get", get}};
static const sigb_listened listened[] = {{NULL, "#alarm", alarm}};
static const sigb_app app = {"lamp", NULL, 0, methods, SIGB_COUNT_OF(methods), listened, SIGB_COUNT_OF(listened), NULL};

SIGB_STATIC_MEMORY(memory, 2, 64, 2, 64);

int main(int count, char **words)
{
    const sigb_io *io = port_open(count, words);
    if (sigb_init(&board, &app, io, &memory) != SIGB_OK)
        return 1;
    while (port_wait(5))
        sigb_poll(&board);
    return 0;
}
