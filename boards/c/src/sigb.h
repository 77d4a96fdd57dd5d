/* A board as a peer of a ServerRouter: it fires events, hears those of others, answers requests, and, with
   SIGB_REQUESTS, makes some (docs/board-protocol.md). C99, no heap, nothing blocks.

   A program describes itself in a sigb_app, calls sigb_init once and sigb_poll again and again:

       static int8_t set(sigb *board, sigb_reader *params, sigb_writer *result) { ... return SIGB_OK; }
       static const char *const events[] = {"#changed"};
       static const sigb_method methods[] = {{"led.set", set}};
       static const sigb_app app = {"uno", events, 1, methods, 1, NULL, 0, NULL};
       SIGB_STATIC_MEMORY(memory, 2, 48, 1, 0);
       sigb_init(&board, &app, &io, &memory);

   and fires an event with sigb_open_event, some sigb_write_* that make one item, and sigb_close. */
#ifndef SIGB_H
#define SIGB_H

#include "sigb_cbor.h"
#include "sigb_link.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sigb sigb;

/* Answer a request: read the params, write the result as one item (nothing: null), give SIGB_OK. Or give a negative
   status, and write its text if there is something to say. Params that could not be read make the status
   SIGB_BAD_MESSAGE, a result that does not fit the message SIGB_TOO_BIG. Opens no event or request itself. */
typedef int8_t (*sigb_answer)(sigb *board, sigb_reader *params, sigb_writer *result);

/* Hear an event: read its value; behind it stand the sender's name if the item left it open, then the event's if it
   left that open. SIGB_OK; or SIGB_BUSY, if sigb_open_event said so: then it comes again when there is memory. */
typedef int8_t (*sigb_hear)(sigb *board, sigb_reader *value);

typedef struct {
    const char *name; /* NULL: all requests that have no other handler; its params then begin with the method's name */
    sigb_answer answer;
} sigb_method;

/* sender and event: an event of a sender. sender and NULL: all of it. NULL and NULL: everything. NULL and a channel. */
typedef struct {
    const char *sender;
    const char *event;
    sigb_hear hear;
} sigb_listened;

/* Before the name of an event: it is state, the server keeps its last value for who comes later.
   static const char *const events[] = {SIGB_STATE "#changed"}; */
#define SIGB_STATE "\x01"

/* What a board is. Names are UTF-8 of 1 to 255 bytes; events, methods and listened are at most 255 together. */
typedef struct {
    const char *name; /* of the sender; NULL: this board only listens */
    const char *const *events;
    uint8_t event_count;
    const sigb_method *methods;
    uint8_t method_count;
    const sigb_listened *listened;
    uint8_t listened_count;
    void (*lost)(sigb *board, uint8_t listened, uint32_t count); /* so many events of that item did not come; or NULL */
} sigb_app;

#if SIGB_REQUESTS
/* The answer to a request of the board: status, and the value, or the text of a negative status. SIGB_TIMEOUT and
   SIGB_OUTCOME_UNKNOWN that the board itself finds have null. Returns as sigb_hear does. */
typedef int8_t (*sigb_answered)(sigb *board, int8_t status, sigb_reader *value);

typedef struct {
    sigb_answered answered; /* NULL: nobody waits */
    uint16_t left;          /* ms; 0: no limit */
    bool open;              /* the host has not answered: its id must not be given again */
} sigb_request;
#endif

struct sigb {
    sigb_link link; /* must be the first: the link knows it only */
    const sigb_app *app;
    uint16_t item;  /* of the registration, the next one to be sent */
    int8_t status;  /* what the host answered to the registration; SIGB_NOT_YET: nothing */
    bool answering; /* a handler is writing its answer */
    bool is_last;   /* what is heard just now is the last value of a state event, and was not fired just now */
    size_t needed, there; /* of a SIGB_TOO_BIG of sigb_init */
#if SIGB_REQUESTS
    sigb_request requests[SIGB_OPEN]; /* by id */
    uint16_t aged_at;
#endif
};

enum { SIGB_NOT_YET = 1 };

#define SIGB_COUNT_OF(array) ((uint8_t)(sizeof(array) / sizeof((array)[0])))

/* Begin, or begin anew: all that was is forgotten. `app`, `io` and the bytes of `memory` must stay where they are.

   SIGB_OK. SIGB_TOO_BIG: a name does not fit a packet (with SIGB_PARTS a message), the memory is too small, or there
   are more than 255 items; board->needed and board->there say what is needed and what is there. SIGB_BAD_MESSAGE: a
   number in `memory` is out of range. After an error the board must not be polled. */
int8_t sigb_init(sigb *board, const sigb_app *app, const sigb_io *io, const sigb_memory *memory);

/* Do all that is to be done, without waiting: handlers are called from here. Call it often. If it is not called for a
   while, nothing is lost but time; above 60 s the clock loses some. */
void sigb_poll(sigb *board);

/* Whether the host has taken the registration and is connected: events and requests can go. */
bool sigb_is_in(const sigb *board);

/* Begin an event by its number. SIGB_OK: write one item, then call sigb_close, without sigb_poll in between.
   SIGB_UNKNOWN_SENDER: not connected or registered, there is nobody to hear it. SIGB_BUSY: no memory now; after the
   next sigb_poll there may be some. An event that is not closed is as if it had not been opened. */
int8_t sigb_open_event(sigb *board, uint8_t event, sigb_writer *writer);

/* Send what was opened. SIGB_OK; or SIGB_TOO_BIG (writer->size bytes of writer->room), SIGB_CANNOT_ENCODE: then
   nothing is sent, and the memory is free again. */
int8_t sigb_close(sigb *board, sigb_writer *writer);

#if SIGB_REQUESTS
/* Begin a request; then as an event, the item being the params. Statuses of sigb_open_event; SIGB_BUSY also if
   SIGB_OPEN requests are open. timeout: ms, 0 for none; after it `answered` is called with SIGB_TIMEOUT, the request
   itself goes on and stays open until the host has answered it. */
int8_t sigb_open_request(sigb *board, sigb_writer *writer, const char *sender, const char *method, uint16_t timeout,
                         sigb_answered answered);
#endif

/* Events with a plain value, opened and closed. */
int8_t sigb_fire_int(sigb *board, uint8_t event, int32_t value);
int8_t sigb_fire_float(sigb *board, uint8_t event, float value);
int8_t sigb_fire_text(sigb *board, uint8_t event, const char *text);

#ifdef __cplusplus
}
#endif
#endif
