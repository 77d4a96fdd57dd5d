/* What each message of the host does (docs/board-protocol.md, section 5). */
#include "sigb_inside.h"

uint8_t sigb_read_byte(sigb_reader *r)
{
    uint32_t value = sigb_read_uint(r);
    if (value > UINT8_MAX)
        r->failed = true;
    return (uint8_t)value;
}

int8_t sigb_read_status(sigb_reader *r)
{
    int32_t status = sigb_read_int(r);
    if (status > 0)
        r->failed = true;
    return status < SIGB_SHADOWED || status > 0 ? SIGB_FAILED : (int8_t)status;
}

static uint8_t take_registered(sigb *b, sigb_reader *r)
{
    int8_t status = sigb_read_status(r);
    if (r->failed)
        return SIGB_IGNORED;
    b->status = status;
    return SIGB_TAKEN;
}

/* An event, or the number of those that were lost. */
static uint8_t take_listened(sigb *b, sigb_reader *r, uint8_t kind)
{
    uint8_t number = sigb_read_byte(r);
    uint32_t count;
    if (r->failed || number >= b->app->listened_count)
        return SIGB_IGNORED;
    b->is_last = kind == LAST;
    if (kind != LOST)
        return b->app->listened[number].hear(b, r) == SIGB_BUSY ? SIGB_REFUSED : SIGB_TAKEN;
    count = sigb_read_uint(r);
    if (r->failed)
        return SIGB_IGNORED;
    if (b->app->lost)
        b->app->lost(b, number, count);
    return SIGB_TAKEN;
}

/* The method that a request means: by number, or by name the one that is registered as null. NULL: none. The reader is
   then at what its handler reads first. */
static const sigb_method *find_method(const sigb_app *app, sigb_reader *r)
{
    bool by_name = sigb_peek(r) == SIGB_TEXT;
    uint8_t number = by_name ? 0 : sigb_read_byte(r);
    if (r->failed)
        return NULL;
    for (; number < app->method_count; number++) {
        if (by_name == !app->methods[number].name)
            return &app->methods[number];
        if (!by_name)
            break;
    }
    return NULL;
}

/* Whether all behind `start` is one item that fits. */
static bool is_written(const sigb_writer *w, uint16_t start)
{
    return w->size <= w->room && sigb_is_item(w->at + start, (uint16_t)(w->size - start));
}

static int8_t call(sigb *b, const sigb_method *method, sigb_reader *params, sigb_writer *w)
{
    uint16_t start = w->size;
    int8_t status;
    b->answering = true;
    status = method->answer(b, params, w);
    b->answering = false;
    if (status == SIGB_OK && params->failed) {
        w->size = start;
        return SIGB_BAD_MESSAGE;
    }
    return status > 0 || status < SIGB_SHADOWED ? SIGB_FAILED : status;
}

/* Write the result of a request, or the text of the status that is given: what the handler wrote, if it is one. */
static int8_t write_answer(sigb *b, const sigb_method *method, sigb_reader *params, sigb_writer *w)
{
    uint16_t start = w->size;
    int8_t status = method ? call(b, method, params, w) : SIGB_UNKNOWN_METHOD;
    if (status == SIGB_OK && w->size == start)
        sigb_write_null(w);
    if (is_written(w, start)) {
        if (status == SIGB_OK || w->at[start] >> 5 == SIGB_TEXT)
            return status;
    } else if (status == SIGB_OK) {
        status = w->size > w->room ? SIGB_TOO_BIG : SIGB_CANNOT_ENCODE;
    }
    w->size = start;
    sigb_write_text(w, "");
    return status;
}

static uint8_t take_request(sigb *b, sigb_reader *r)
{
    uint8_t id = sigb_read_byte(r);
    uint8_t type = sigb_peek(r);
    sigb_writer w;
    uint16_t at;
    int8_t status;
    if (r->failed || (type != SIGB_INT && type != SIGB_TEXT))
        return SIGB_IGNORED;
    if (!sigb_begin(b, &w))
        return SIGB_REFUSED;
    sigb_write_opening(&w, 4, ANSWER, id);
    at = w.size;
    sigb_write_uint(&w, SIGB_OK);
    status = write_answer(b, find_method(b->app, r), r, &w);
    w.at[at] = (uint8_t)(status == SIGB_OK ? 0 : 0x1F - status); /* -1 .. -24 are 20 .. 37 in CBOR */
    sigb_link_commit(&b->link, w.size);
    return SIGB_TAKEN;
}

static uint8_t take_message(sigb *b, sigb_reader *r)
{
    uint16_t count = sigb_read_list(r);
    uint8_t kind = sigb_read_byte(r);
    if (r->failed)
        return SIGB_IGNORED;
    if (kind == REGISTRATION && (count == 2 || count == 3))
        return take_registered(b, r);
    if (((kind == EVENT || kind == LAST) && count >= 3) || (kind == LOST && count == 3))
        return take_listened(b, r, kind);
    if (kind == REQUEST && count == 4)
        return take_request(b, r);
#if SIGB_REQUESTS
    if (kind == ANSWER && count == 4)
        return sigb_take_answer(b, r);
#endif
    return SIGB_IGNORED;
}

bool sigb_deliver(sigb_link *l, const uint8_t *bytes, uint16_t size)
{
    sigb_reader r = sigb_reader_of(bytes, size);
    uint8_t what = sigb_is_item(bytes, size) ? take_message((sigb *)l, &r) : SIGB_IGNORED;
    if (what == SIGB_IGNORED)
        SIGB_COUNT(l, ignored, 1);
    return what != SIGB_REFUSED;
}
