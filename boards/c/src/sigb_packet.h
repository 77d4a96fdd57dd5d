/* One packet of the link: COBS and CRC, byte by byte (docs/board-protocol.md, section 1). */
#ifndef SIGB_PACKET_H
#define SIGB_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sigb_config.h"
#include "sigb_io.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { SIGB_HEADER = 3, SIGB_CRC = SIGB_CRC32 ? 4 : 2, SIGB_MTU_MIN = 16, SIGB_MTU_MAX = 246 };

/* Bytes of the longest packet of that mtu, before COBS. At most 253, so that COBS never needs a code of 255. */
#define SIGB_PACKET_SIZE(mtu) ((size_t)SIGB_HEADER + SIGB_CRC + (mtu))

/* CRC-16 of 0 .. 255 bytes, as it is on the wire. */
uint16_t sigb_crc16(const uint8_t *bytes, uint8_t size);

#if SIGB_CRC32
/* CRC-32 of 0 .. 255 bytes, as it is on the wire. */
uint32_t sigb_crc32(const uint8_t *bytes, uint8_t size);
#endif

/* A packet that is coming in. */
typedef struct {
    uint8_t *bytes; /* `room` bytes of the caller */
    uint8_t room;   /* 21 .. 253 */
    uint8_t size;
    uint8_t left;  /* bytes until the next COBS code */
    uint8_t state; /* 0: behind a delimiter */
#if SIGB_CRC32
    bool long_crc; /* CRC-32 was agreed on */
#endif
} sigb_packet_in;

enum { SIGB_MORE = 0, SIGB_WHOLE, SIGB_DAMAGED };

/* Take one byte of the line. SIGB_WHOLE: `bytes` and `size` are a packet without its CRC, until the next byte is taken;
   SIGB_DAMAGED: what ended here is none; SIGB_MORE: neither. */
uint8_t sigb_packet_take(sigb_packet_in *in, uint8_t byte);

/* A packet that is going out. */
typedef struct {
    const uint8_t *bytes; /* those that have not gone yet, `left` of them with the CRC */
    uint8_t left;
    uint8_t group; /* bytes until the next COBS code */
    uint8_t state;
#if SIGB_CRC32
    bool long_crc; /* as above */
#endif
} sigb_packet_out;

/* Put the CRC behind `size` bytes and begin to send them. They must stay as they are until they have gone. */
void sigb_packet_start(sigb_packet_out *out, uint8_t *bytes, uint8_t size);

/* Give the line what it takes now. True: all has gone, with both delimiters. */
bool sigb_packet_push(sigb_packet_out *out, const sigb_io *io);

#ifdef __cplusplus
}
#endif
#endif
