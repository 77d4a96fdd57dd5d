#include <string.h>

#include "sigb_inside.h"

enum { ITEM_EVENT = 1, ITEM_METHOD, ITEM_LISTENED, ITEM_STATE };

#define ITEM_ROOM(memory) (SIGB_PARTS ? (memory)->message : (memory)->mtu)

/* ---- registration ---- */

static uint16_t item_count(const sigb_app *app)
{
    return (uint16_t)(app->event_count + app->method_count + app->listened_count);
}

/* A message is a list whose first two items are its kind and a number. */
void sigb_write_opening(sigb_writer *w, uint8_t count, uint8_t kind, uint8_t number)
{
    const uint8_t heads[] = {(uint8_t)(SIGB_LIST << 5 | count), kind};
    sigb_write_raw(w, heads, sizeof heads);
    sigb_write_uint(w, number);
}

static void write_name(sigb_writer *w, const char *name)
{
    if (name)
        sigb_write_text(w, name);
    else
        sigb_write_null(w);
}

/* Item 0 is the registration itself. */
static void write_item(const sigb_app *app, uint16_t item, sigb_writer *w)
{
    const char *name = app->name;
    const sigb_listened *listened = NULL;
    uint8_t kind = 0, index = (uint8_t)(item - 1);
    if (item == 0) {
    } else if (index < app->event_count) {
        name = app->events[index];
        kind = *name == *SIGB_STATE ? ITEM_STATE : ITEM_EVENT;
        name += kind == ITEM_STATE;
    } else if ((index = (uint8_t)(index - app->event_count)) < app->method_count) {
        kind = ITEM_METHOD;
        name = app->methods[index].name;
    } else {
        kind = ITEM_LISTENED;
        listened = &app->listened[(uint8_t)(index - app->method_count)];
        name = listened->sender;
    }
    sigb_write_opening(w, kind == 0 || listened ? 4 : 3, REGISTRATION, kind);
    write_name(w, name);
    if (listened)
        write_name(w, listened->event);
    else if (kind == 0)
        sigb_write_uint(w, item_count(app));
}

static int8_t commit(sigb *b, const sigb_writer *w)
{
    if (w->size > w->room)
        return SIGB_TOO_BIG;
    sigb_link_commit(&b->link, w->size);
    return SIGB_OK;
}

bool sigb_begin(sigb *b, sigb_writer *w)
{
    w->size = 0;
    w->at = sigb_link_begin(&b->link, &w->room);
    return w->at != NULL;
}

static void register_on(sigb *b)
{
    sigb_writer w;
    while (b->item <= item_count(b->app) && sigb_begin(b, &w)) {
        write_item(b->app, b->item++, &w);
        b->status = commit(b, &w) == SIGB_OK ? SIGB_NOT_YET : SIGB_TOO_BIG;
        if (b->status == SIGB_TOO_BIG) /* the host takes shorter packets than we do: it can't be told who we are */
            b->item = UINT16_MAX;
    }
}

/* ---- opening and closing ---- */

bool sigb_is_in(const sigb *b)
{
    return b->link.connected && b->status == SIGB_OK;
}

int8_t sigb_open(sigb *b, sigb_writer *w)
{
    w->room = 0; /* who does not look at the status writes in vain */
    if (!sigb_is_in(b))
        return SIGB_UNKNOWN_SENDER;
    return !b->answering && !b->link.refused && sigb_begin(b, w) ? SIGB_OK : SIGB_BUSY;
}

int8_t sigb_open_event(sigb *b, uint8_t event, sigb_writer *w)
{
    int8_t status = sigb_open(b, w);
    if (status == SIGB_OK)
        sigb_write_opening(w, 3, EVENT, event);
    return status;
}

int8_t sigb_close(sigb *b, sigb_writer *w)
{
    int8_t status;
    if (w->size <= w->room && !sigb_is_item(w->at, w->size))
        return SIGB_CANNOT_ENCODE;
    status = commit(b, w);
#if SIGB_REQUESTS
    if (status == SIGB_OK)
        sigb_note_request(b, w);
#endif
    return status;
}

int8_t sigb_fire_int(sigb *b, uint8_t event, int32_t value)
{
    sigb_writer w;
    int8_t status = sigb_open_event(b, event, &w);
    if (status != SIGB_OK)
        return status;
    sigb_write_int(&w, value);
    return sigb_close(b, &w);
}

int8_t sigb_fire_float(sigb *b, uint8_t event, float value)
{
    sigb_writer w;
    int8_t status = sigb_open_event(b, event, &w);
    if (status != SIGB_OK)
        return status;
    sigb_write_float(&w, value);
    return sigb_close(b, &w);
}

int8_t sigb_fire_text(sigb *b, uint8_t event, const char *text)
{
    sigb_writer w;
    int8_t status = sigb_open_event(b, event, &w);
    if (status != SIGB_OK)
        return status;
    sigb_write_text(&w, text);
    return sigb_close(b, &w);
}

/* ---- the board ---- */

static void renewed(sigb_link *l)
{
    sigb *b = (sigb *)l;
    b->item = 0;
    b->status = SIGB_NOT_YET;
#if SIGB_REQUESTS
    sigb_end_requests(b);
#endif
}

void sigb_poll(sigb *b)
{
    sigb_link_poll(&b->link);
#if SIGB_REQUESTS
    sigb_age_requests(b);
#endif
    register_on(b);
    sigb_link_push(&b->link);
}

/* Write every item into no room at all, to see how much the longest one needs. */
static uint16_t longest_item(const sigb_app *app)
{
    uint16_t item, longest = 0;
    for (item = 0; item <= item_count(app); item++) {
        sigb_writer w = {NULL, 0, 0};
        write_item(app, item, &w);
        if (w.size > longest)
            longest = w.size;
    }
    return longest;
}

static int8_t fits(sigb *b, size_t needed, size_t there)
{
    b->needed = needed;
    b->there = there;
    return needed > there ? SIGB_TOO_BIG : SIGB_OK;
}

int8_t sigb_init(sigb *b, const sigb_app *app, const sigb_io *io, const sigb_memory *memory)
{
    int8_t status;
    memset(b, 0, sizeof *b);
    b->app = app;
    b->status = SIGB_NOT_YET;
    status = sigb_link_init(&b->link, io, memory);
    if (status == SIGB_TOO_BIG)
        return fits(b, SIGB_MEMORY_SIZE(memory->window, memory->mtu, memory->message), memory->size);
    if (status == SIGB_OK)
        status = fits(b, item_count(app), UINT8_MAX);
    if (status == SIGB_OK)
        status = fits(b, longest_item(app), ITEM_ROOM(memory));
    b->link.deliver = sigb_deliver;
    b->link.renewed = renewed;
    return status;
}
