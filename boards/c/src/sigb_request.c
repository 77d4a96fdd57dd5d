/* Requests that the board makes. */
#include "sigb_inside.h"

#if SIGB_REQUESTS

int8_t sigb_open_request(sigb *b, sigb_writer *w, const char *sender, const char *method, uint16_t timeout,
                         sigb_answered answered)
{
    int8_t status = sigb_open(b, w);
    uint8_t id = 0;
    if (status != SIGB_OK)
        return status;
    while (id < SIGB_OPEN && b->requests[id].open)
        id++;
    if (id == SIGB_OPEN)
        return SIGB_BUSY;
    b->requests[id].left = timeout;
    b->requests[id].answered = answered;
    sigb_write_opening(w, 5, REQUEST, id);
    sigb_write_text(w, sender);
    sigb_write_text(w, method);
    return SIGB_OK;
}

void sigb_note_request(sigb *b, const sigb_writer *w)
{
    if (w->at[1] == REQUEST)
        b->requests[w->at[2]].open = true;
}

/* Tell who waits. SIGB_BUSY: it can't take it now. */
static int8_t tell(sigb *b, const sigb_request *request, int8_t status, sigb_reader *value)
{
    return request->answered ? request->answered(b, status, value) : SIGB_OK;
}

/* Tell who waits what the board found out itself. */
static int8_t tell_own(sigb *b, const sigb_request *request, int8_t status)
{
    static const uint8_t null = 0xF6;
    sigb_reader value = sigb_reader_of(&null, 1);
    return tell(b, request, status, &value);
}

void sigb_age_requests(sigb *b)
{
    uint16_t ms = (uint16_t)(b->link.now - b->aged_at);
    sigb_request *request;
    b->aged_at = b->link.now;
    for (request = b->requests; request < b->requests + SIGB_OPEN; request++) {
        if (!request->open || !request->left)
            continue;
        if (request->left > ms) {
            request->left = (uint16_t)(request->left - ms);
        } else if (tell_own(b, request, SIGB_TIMEOUT) == SIGB_BUSY) {
            request->left = 1;
        } else {
            request->left = 0;
            request->answered = NULL;
        }
    }
}

void sigb_end_requests(sigb *b)
{
    sigb_request *request;
    for (request = b->requests; request < b->requests + SIGB_OPEN; request++) {
        if (!request->open)
            continue;
        request->open = false;
        (void)tell_own(b, request, SIGB_OUTCOME_UNKNOWN);
    }
}

uint8_t sigb_take_answer(sigb *b, sigb_reader *r)
{
    uint8_t id = sigb_read_byte(r);
    int8_t status = sigb_read_status(r);
    sigb_request *request;
    if (r->failed || id >= SIGB_OPEN || !b->requests[id].open)
        return SIGB_IGNORED;
    request = &b->requests[id];
    request->open = false; /* its id is free: `answered` may make the next request */
    if (tell(b, request, status, r) != SIGB_BUSY)
        return SIGB_TAKEN;
    request->open = true;
    return SIGB_REFUSED;
}

#else
typedef int sigb_no_requests; /* a file of C must not be empty */
#endif
