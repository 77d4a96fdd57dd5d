#include "app.h"

#include <string.h>

enum { CHANGED = 0, ANSWERED };

sigb app_board;
bool app_led;
static unsigned heard, disordered, fired, last_tick, to_fire; /* they wrap, on small boards at 65,536 */

static int8_t tick(sigb *board, sigb_reader *value)
{
    unsigned number = (unsigned)sigb_read_uint(value);
    (void)board;
    if (heard++ && number != last_tick + 1)
        disordered++;
    last_tick = number;
    return SIGB_OK;
}

static int8_t echo(sigb *board, sigb_reader *params, sigb_writer *result)
{
    const uint8_t *from = params->at;
    (void)board;
    sigb_skip(params);
    sigb_write_raw(result, from, (uint16_t)(params->at - from));
    return SIGB_OK;
}

static int8_t set_led(sigb *board, sigb_reader *params, sigb_writer *result)
{
    if (sigb_peek(params) > SIGB_NEGATIVE)
        return SIGB_BAD_MESSAGE;
    app_led = params->at[0] != 0; /* the number 0 is the byte 00 */
    return echo(board, params, result);
}

static int8_t stat(sigb *board, sigb_reader *params, sigb_writer *result)
{
    const sigb_counters *counters = &board->link.counters;
    (void)params;
    sigb_write_list(result, 6);
    sigb_write_uint(result, heard);
    sigb_write_uint(result, disordered);
    sigb_write_uint(result, fired);
    sigb_write_uint(result, counters->damaged);
    sigb_write_uint(result, counters->resent);
    sigb_write_uint(result, counters->doubled);
    return SIGB_OK;
}

static int8_t burst(sigb *board, sigb_reader *params, sigb_writer *result)
{
    unsigned count = (unsigned)sigb_read_uint(params);
    (void)board;
    to_fire += count;
    sigb_write_uint(result, count);
    return SIGB_OK;
}

static int8_t fail(sigb *board, sigb_reader *params, sigb_writer *result)
{
    (void)board;
    (void)params;
    sigb_write_text(result, "failed");
    return SIGB_FAILED;
}

#if SIGB_REQUESTS
#ifndef ASK_SIZE
#define ASK_SIZE 24 /* with its names it fits a packet of 48 bytes */
#endif
enum { ASK_TIMEOUT = 5000 };

/* Params wait here: while a request is answered no other message can be opened. */
static uint8_t asked[ASK_SIZE];
static uint16_t asked_size;

/* Fire [status, value]; if that is too long, [SIGB_TOO_BIG, null]. */
static int8_t answered(sigb *board, int8_t status, sigb_reader *value)
{
    static const uint8_t null = 0xF6;
    const uint8_t *from = value->at;
    uint16_t size;
    sigb_skip(value);
    size = (uint16_t)(value->at - from);
    for (;;) {
        sigb_writer w;
        int8_t result = sigb_open_event(board, ANSWERED, &w);
        if (result != SIGB_OK)
            return result;
        sigb_write_list(&w, 2);
        sigb_write_int(&w, status);
        sigb_write_raw(&w, from, size);
        result = sigb_close(board, &w);
        if (result != SIGB_TOO_BIG)
            return result;
        status = result;
        from = &null;
        size = 1;
    }
}

static int8_t ask(sigb *board, sigb_reader *params, sigb_writer *result)
{
    const uint8_t *from = params->at;
    uint16_t size;
    (void)board;
    (void)result;
    sigb_skip(params);
    size = (uint16_t)(params->at - from);
    if (asked_size)
        return SIGB_BUSY;
    if (size > sizeof asked)
        return SIGB_TOO_BIG;
    memcpy(asked, from, size);
    asked_size = size;
    return SIGB_OK;
}

static void ask_clock(void)
{
    sigb_writer w;
    if (!asked_size || sigb_open_request(&app_board, &w, "clock", "now", ASK_TIMEOUT, answered) != SIGB_OK)
        return;
    sigb_write_raw(&w, asked, asked_size);
    (void)sigb_close(&app_board, &w);
    asked_size = 0;
}
#endif

static const char *const events[] = {"#changed", "answer"};
static const sigb_listened listened[] = {{"clock", "tick", tick}};
static const sigb_method methods[] = {
    {"echo", echo},   {"led.set", set_led}, {"stat", stat}, {"burst", burst}, {"fail", fail},
#if SIGB_REQUESTS
    {"ask", ask},
#endif
};
static sigb_app app = {
    NULL, events, SIGB_COUNT_OF(events), methods, SIGB_COUNT_OF(methods), listened, SIGB_COUNT_OF(listened), NULL,
};

int8_t app_init(const char *name, const sigb_io *io, const sigb_memory *memory)
{
    heard = disordered = fired = last_tick = to_fire = 0;
    app_led = false;
#if SIGB_REQUESTS
    asked_size = 0;
#endif
    app.name = name;
    return sigb_init(&app_board, &app, io, memory);
}

static bool fire(void)
{
    sigb_writer w;
    if (sigb_open_event(&app_board, CHANGED, &w) != SIGB_OK)
        return false;
    sigb_write_map(&w, 2);
    sigb_write_text(&w, "n");
    sigb_write_uint(&w, fired);
    sigb_write_text(&w, "t");
    sigb_write_float(&w, 21.5f);
    return sigb_close(&app_board, &w) == SIGB_OK;
}

void app_poll(void)
{
    sigb_poll(&app_board);
    while (to_fire && fire()) {
        to_fire--;
        fired++;
    }
#if SIGB_REQUESTS
    ask_clock();
#endif
    sigb_link_push(&app_board.link); /* now, and not only with the next poll */
}
