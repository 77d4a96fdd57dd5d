/* The statuses of docs/protocol.md, section 9. */
#ifndef SIGB_STATUS_H
#define SIGB_STATUS_H

enum {
    SIGB_OK = 0,
    SIGB_UNKNOWN_CALL = -1,
    SIGB_FAILED = -2,           /* the handler failed; what a status that is not known counts as */
    SIGB_NO_METHOD = -3,
    SIGB_UNKNOWN_SENDER = -4,   /* not connected; of a call to this library: the board itself is not */
    SIGB_UNKNOWN_METHOD = -5,
    SIGB_DENIED = -6,
    SIGB_BAD_MESSAGE = -7,      /* params that are not what was expected; an argument out of its range */
    SIGB_TOO_BIG = -8,
    SIGB_BUSY = -9,             /* no memory for it now: try again after the next sigb_poll */
    SIGB_OUTCOME_UNKNOWN = -10, /* the session ended while the request was open: it may have run */
    SIGB_SENDER_EXISTS = -11,   /* another one has the name; the host tries again every second */
    SIGB_NOT_OWNER = -12,
    SIGB_CANNOT_ENCODE = -13,   /* what was written is not one whole item of cbor-board */
    SIGB_TIMEOUT = -14,
    SIGB_SHADOWED = -15
};

#endif
