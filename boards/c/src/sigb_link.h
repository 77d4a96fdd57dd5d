/* The link: messages, each once and in order, over a line that damages and loses bytes (docs/board-protocol.md,
   sections 1 to 3).

   The board layer (sigb.h) uses it; an application needs of this file the memory only. */
#ifndef SIGB_LINK_H
#define SIGB_LINK_H

#include <stddef.h>

#include "sigb_config.h"
#include "sigb_packet.h"
#include "sigb_status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { SIGB_VERSION = 1, SIGB_WINDOW_MAX = 8, SIGB_CREDIT_MAX = 15 };

/* The memory of a board, and what is in it.

   window   slots: packets that may be on their way to the host, 1 .. 8
   mtu      bytes of payload in a packet, both ways, 16 .. 246
   credit   packets that the line can hold until they are looked at, 1 .. 15: (size of its buffer - 1) / (mtu + 8).
            Too much makes the line lose packets, which costs time, but no message
   message  with SIGB_PARTS: bytes of the longest message, both ways, mtu .. 65,534; else ignored */
typedef struct {
    uint8_t *bytes;
    size_t size;
    uint8_t window;
    uint8_t mtu;
    uint8_t credit;
    uint16_t message;
} sigb_memory;

/* A slot is the size of its packet and the packet. */
#define SIGB_SLOT_SIZE(mtu) (1 + SIGB_PACKET_SIZE(mtu))

#if SIGB_PARTS
#define SIGB_MEMORY_SIZE(window, mtu, message) \
    ((size_t)(window) * SIGB_SLOT_SIZE(mtu) + SIGB_PACKET_SIZE(mtu) + 2 * (size_t)(message))
#else
#define SIGB_MEMORY_SIZE(window, mtu, message) ((size_t)(window) * SIGB_SLOT_SIZE(mtu) + SIGB_PACKET_SIZE(mtu))
#endif

/* Define `name`, a sigb_memory with static bytes. */
#define SIGB_STATIC_MEMORY(name, window, mtu, credit, message)              \
    static uint8_t name##_bytes[SIGB_MEMORY_SIZE(window, mtu, message)]; \
    static const sigb_memory name = {name##_bytes, sizeof name##_bytes, window, mtu, credit, message}

#if SIGB_COUNTERS
/* They wrap. */
typedef struct {
    uint16_t damaged; /* packets that were none: CRC, COBS or length */
    uint16_t resent;  /* times that it went back and sent again what was not acknowledged */
    uint16_t doubled; /* packets that had come before */
    uint16_t ignored; /* packets and messages without a meaning here */
    uint16_t lost;    /* packets that were not acknowledged when their session ended */
} sigb_counters;
#define SIGB_COUNT(link, what, n) ((link)->counters.what = (uint16_t)((link)->counters.what + (n)))
#else
#define SIGB_COUNT(link, what, n) ((void)0)
#endif

typedef struct sigb_link sigb_link;

struct sigb_link {
    /* Small things first: an 8-bit processor reaches 64 bytes well. */
    uint8_t *slots;
    uint8_t *on_line; /* the packet that is being sent, NULL: none */
    uint8_t window, mtu, credit;
    uint8_t peer_credit;
    bool connected;
    uint8_t want;     /* control packets to be sent, a bit for each kind */
    uint8_t base;     /* seq: the first one not acknowledged, */
    uint8_t sent;     /* the next one to send, */
    uint8_t top;      /* behind the highest one that was ever sent, */
    uint8_t next;     /* behind the last one in a slot */
    uint8_t first;    /* slot of `base` */
    uint8_t expected; /* seq of the host's next one */
    uint8_t refused;  /* 1: that one came and there was no memory for it; 2: NAK has asked for it again */
    uint8_t asked;    /* a packet ahead of it came, and NAK went out: so often, if that was in answer to NAK */
    uint8_t tries;    /* times that it went back without an acknowledgement */
    uint8_t syn[12];  /* the payload of the session's SYN, its mtu no greater than ours; 0: no session */

    uint16_t now; /* ms */
    uint16_t heard_at, silence; /* 100 ms that have gone since the last valid packet, up to heard_at */
    uint16_t sent_at, timer;
    uint16_t rto; /* ms */
    sigb_packet_in in;
    sigb_packet_out out;

    const sigb_io *io;
    /* A message of the host. False: no memory for it now; it comes again when sigb_link_begin has some. */
    bool (*deliver)(sigb_link *, const uint8_t *bytes, uint16_t size);
    /* The session is another one now, or over: what was open in the one before is in doubt. */
    void (*renewed)(sigb_link *);
    uint8_t control[SIGB_PACKET_SIZE(12)];
#if SIGB_PARTS
    uint8_t *coming, *going; /* `message` bytes each */
    const uint8_t *going_at; /* what is not in a slot yet, */
    uint16_t going_size;     /* bytes of it */
    uint16_t message, coming_size;
#endif
#if SIGB_COUNTERS
    sigb_counters counters;
#endif
};

/* Begin without a session. `deliver` and `renewed` are to be set afterwards. `io` and the bytes of `memory` must stay
   where they are, `memory` itself need not. SIGB_OK; SIGB_TOO_BIG if `memory` has less bytes than SIGB_MEMORY_SIZE;
   SIGB_BAD_MESSAGE if window, mtu, credit or message are out of range. */
int8_t sigb_link_init(sigb_link *link, const sigb_io *io, const sigb_memory *memory);

/* Read, deliver, look at the clock, write. Never blocks. To be called often: at least once every 60 s. */
void sigb_link_poll(sigb_link *link);

/* Write what the line takes now, without reading: after a commit. */
void sigb_link_push(sigb_link *link);

/* Memory for the next message to the host and its size in `room`, or NULL if there is none now or nobody is connected.
   Nothing is taken until it is committed, which must come before the next poll. */
uint8_t *sigb_link_begin(sigb_link *link, uint16_t *room);

/* Send the first `size` bytes of that memory, 1 .. room. */
void sigb_link_commit(sigb_link *link, uint16_t size);

/* The line was opened anew (another connection, another port): forget the half packets, ask the host for SYN. */
void sigb_link_reopened(sigb_link *link);

/* End the session in order, with FIN. What is not acknowledged yet is lost. As long as it is polled the board asks for
   a new session after that. */
void sigb_link_finish(sigb_link *link);

/* Packets that are not acknowledged yet, or not even sent. */
uint8_t sigb_link_open(const sigb_link *link);

#ifdef __cplusplus
}
#endif
#endif
