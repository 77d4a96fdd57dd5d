/* The codec cbor-board: CBOR with integers of at most 32 bits, float32 and definite lengths, no tags
   (docs/board-protocol.md, section 5). */
#ifndef SIGB_CBOR_H
#define SIGB_CBOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where items are written. What goes beyond `room` is dropped, but counted: `size` is what would have been needed. */
typedef struct {
    uint8_t *at;
    uint16_t room;
    uint16_t size;
} sigb_writer;

void sigb_write_null(sigb_writer *writer);
void sigb_write_bool(sigb_writer *writer, bool value);
void sigb_write_int(sigb_writer *writer, int32_t value);
void sigb_write_uint(sigb_writer *writer, uint32_t value);
/* NaN and infinity can't be carried: they make the whole message one that sigb_close refuses. */
void sigb_write_float(sigb_writer *writer, float value);
/* UTF-8. */
void sigb_write_text(sigb_writer *writer, const char *text);
void sigb_write_bytes(sigb_writer *writer, const void *bytes, uint16_t size);
/* Of `count` items, which are to follow. */
void sigb_write_list(sigb_writer *writer, uint16_t count);
/* Of `count` pairs, which are to follow: a text, an item, a text, an item ... */
void sigb_write_map(sigb_writer *writer, uint16_t count);
/* Whole items that are encoded already. */
void sigb_write_raw(sigb_writer *writer, const uint8_t *bytes, uint16_t size);

/* What is left to be read. An item that is not of the type asked for, or not there, sets `failed`, which stays set; all
   that is read from then on is 0, "" or false. What handlers are given has been looked at as a whole: it is cbor-board.
*/
typedef struct {
    const uint8_t *at;
    const uint8_t *end;
    uint32_t value; /* of the head that was read last; its own affair */
    bool failed;
} sigb_reader;

sigb_reader sigb_reader_of(const uint8_t *bytes, uint16_t size);

enum { SIGB_DEPTH = 65 }; /* containers in each other: 64 of a value, and the message around it */

enum { /* types of items */
    SIGB_INT = 0,
    SIGB_NEGATIVE = 1,
    SIGB_BYTES = 2,
    SIGB_TEXT = 3,
    SIGB_LIST = 4,
    SIGB_MAP = 5,
    SIGB_BOOL = 7,
    SIGB_FLOAT = 8,
    SIGB_NULL = 9,
    SIGB_NOTHING = 10 /* no item, or none of cbor-board */
};

/* The type of the next item, which stays there. */
uint8_t sigb_peek(sigb_reader *reader);

void sigb_read_null(sigb_reader *reader);
bool sigb_read_bool(sigb_reader *reader);
/* -2**31 .. 2**31 - 1; an integer beyond that fails. */
int32_t sigb_read_int(sigb_reader *reader);
/* 0 .. 2**32 - 1. */
uint32_t sigb_read_uint(sigb_reader *reader);
/* A float or an integer. */
float sigb_read_float(sigb_reader *reader);
/* The text in the message itself: `size` bytes, with no zero behind them, until the handler returns. */
const char *sigb_read_text(sigb_reader *reader, uint16_t *size);
const uint8_t *sigb_read_bytes(sigb_reader *reader, uint16_t *size);
/* The number of items that follow. */
uint16_t sigb_read_list(sigb_reader *reader);
/* The number of pairs that follow. */
uint16_t sigb_read_map(sigb_reader *reader);
/* Leave out one item, with all that is in it. */
void sigb_skip(sigb_reader *reader);

/* Whether these bytes are exactly one item of cbor-board: no integer of more than 32 bits, no float but float32, no
   NaN, no infinity, no indefinite length, no tag, no undefined, keys are text, text is UTF-8, all of it there. */
bool sigb_is_item(const uint8_t *bytes, uint16_t size);

#ifdef __cplusplus
}
#endif
#endif
