/* A thermometer: fires `#changed` four times a second with {"n": number from 1, "value": {"celsius": ...}}, and answers
   `read`. `stop` ends the firing and tells how many there were. */
#include "port.h"
#include "sigb.h"

enum { CHANGED, PERIOD_MS = 250 };

static sigb board;
static uint32_t fired;
static bool stopped;

static void write_reading(sigb_writer *out)
{
    sigb_write_map(out, 1);
    sigb_write_text(out, "celsius");
    sigb_write_float(out, port_celsius());
}

static int8_t read_now(sigb *self, sigb_reader *params, sigb_writer *result)
{
    (void)self;
    (void)params;
    write_reading(result);
    return SIGB_OK;
}

static int8_t stop(sigb *self, sigb_reader *params, sigb_writer *result)
{
    (void)self;
    (void)params;
    stopped = true;
    sigb_write_uint(result, fired);
    return SIGB_OK;
}

static bool fire(void)
{
    sigb_writer out;
    if (sigb_open_event(&board, CHANGED, &out) != SIGB_OK)
        return false; /* nobody is connected, or no memory now: try again with the next round */
    sigb_write_map(&out, 2);
    sigb_write_text(&out, "n");
    sigb_write_uint(&out, fired + 1);
    sigb_write_text(&out, "value");
    write_reading(&out);
    return sigb_close(&board, &out) == SIGB_OK;
}

static const char *const events[] = {"#changed"};
static const sigb_method methods[] = {{"read", read_now}, {"stop", stop}};
static const sigb_app app = {"thermometer", events, SIGB_COUNT_OF(events), methods, SIGB_COUNT_OF(methods), NULL, 0, NULL};

SIGB_STATIC_MEMORY(memory, 2, 64, 2, 64);

int main(int count, char **words)
{
    const sigb_io *io = port_open(count, words);
    uint16_t last = 0;
    if (sigb_init(&board, &app, io, &memory) != SIGB_OK)
        return 1;
    while (port_wait(5)) {
        sigb_poll(&board);
        if (!stopped && (uint16_t)(io->millis(io->user) - last) >= PERIOD_MS && fire()) {
            last = io->millis(io->user);
            fired++;
        }
    }
    return 0;
}
