/* Between the files of this library; not for applications. */
#ifndef SIGB_INSIDE_H
#define SIGB_INSIDE_H

#include "sigb.h"

enum { SYN = 1, SYNACK, DATA, ACK, NAK, PING, HELLO, FIN, PART }; /* kinds of packets */

/* Payload of a SYN, and of its answer, which has the dialect at AT_RTO. */
enum { AT_VERSION = 0, AT_FLAGS, AT_SID, AT_MTU = 6, AT_WINDOW, AT_KEEPALIVE, AT_RTO, AT_MESSAGE, SYN_SIZE = 12 };
enum { SID_SIZE = 4, RESUME = 1, LONG_CRC = 2 }; /* the latter two are flags */

/* The bit of a control packet in `want`. */
#define WANT(kind) (1u << ((kind) - 1))

/* ---- sigb_slots.c ---- */

/* The packet of an open seq, behind its size. */
uint8_t *sigb_packet_of(const sigb_link *link, uint8_t seq);

/* Whether a message of the host could be answered now. */
bool sigb_has_room(const sigb_link *link);

/* Hand over what a numbered packet brings. False: there is no memory for it now. */
bool sigb_accept(sigb_link *link, uint8_t kind, const uint8_t *bytes, uint8_t size);

#if SIGB_PARTS
/* Move the next part of a long message into a slot, if there is one. */
void sigb_cut(sigb_link *link);
#endif

/* ---- sigb_session.c ---- */

/* Take a whole packet, `size` bytes without its CRC. */
void sigb_take_packet(sigb_link *link, const uint8_t *packet, uint8_t size);

/* Ask for what was damaged or is missing. */
void sigb_ask(sigb_link *link);

/* Send everything again that is not acknowledged. */
void sigb_go_back(sigb_link *link);

/* The session stays, but nobody is there. */
void sigb_disconnect(sigb_link *link);

/* The session is over. */
void sigb_end(sigb_link *link);

/* ---- sigb.c ---- */

enum { REGISTRATION = 0, EVENT, REQUEST, ANSWER, LOST, LAST }; /* kinds of messages */

/* Begin a message, of whatever kind. False: no memory now. */
bool sigb_begin(sigb *board, sigb_writer *writer);

/* Begin a message that the application writes: the statuses of sigb_open_event. */
int8_t sigb_open(sigb *board, sigb_writer *writer);

/* The head of a list of `count` items, 1 .. 23, then its kind and number. */
void sigb_write_opening(sigb_writer *writer, uint8_t count, uint8_t kind, uint8_t number);

/* ---- sigb_messages.c ---- */

enum { SIGB_TAKEN = 0, SIGB_REFUSED, SIGB_IGNORED }; /* refused: it comes again; ignored: it has no meaning here */

/* Take a message of the host. False: no memory for it now. */
bool sigb_deliver(sigb_link *link, const uint8_t *bytes, uint16_t size);

/* Read an integer of 0 .. 255; another one fails. */
uint8_t sigb_read_byte(sigb_reader *reader);

/* Read a status; one that nobody knows is SIGB_FAILED, a positive number fails. */
int8_t sigb_read_status(sigb_reader *reader);

/* ---- sigb_request.c ---- */

#if SIGB_REQUESTS
/* Take an answer, behind its kind. */
uint8_t sigb_take_answer(sigb *board, sigb_reader *reader);

/* A message has been closed: if it is a request, it is open from now on. */
void sigb_note_request(sigb *board, const sigb_writer *writer);

/* End in SIGB_TIMEOUT what has waited long enough. */
void sigb_age_requests(sigb *board);

/* The session is over: all that is open ends in SIGB_OUTCOME_UNKNOWN. */
void sigb_end_requests(sigb *board);
#endif

#endif
