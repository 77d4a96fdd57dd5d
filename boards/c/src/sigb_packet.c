#include "sigb_inside.h"

#ifdef __AVR__
#include <util/crc16.h>
#define crc_of_byte _crc_xmodem_update
#else
static uint16_t crc_of_byte(uint16_t crc, uint8_t byte)
{
    uint8_t x = (uint8_t)((crc >> 8) ^ byte);
    x ^= (uint8_t)(x >> 4);
    return (uint16_t)((unsigned)crc << 8 ^ (unsigned)x << 12 ^ (unsigned)x << 5 ^ x);
}
#endif

/* What the CRC of a packet with its CRC is. It is not zero, so a zero byte that was added at the end is seen. */
#define WHOLE 0xE2F0u

enum { CRC16 = 2, CRC32 = 4 }; /* bytes */

uint16_t sigb_crc16(const uint8_t *bytes, uint8_t size)
{
    uint16_t crc = 0xFFFF;
    while (size--)
        crc = crc_of_byte(crc, *bytes++);
    return (uint16_t)~crc;
}

#if SIGB_CRC32
uint32_t sigb_crc32(const uint8_t *bytes, uint8_t size)
{
    uint32_t crc = 0xFFFFFFFFu;
    while (size--) {
        uint8_t bits = 8;
        crc ^= *bytes++;
        while (bits--)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

/* Whether a packet that begins so has CRC-32. SYN, SYNACK and HELLO have CRC-16 whatever was agreed on. */
static bool has_crc32(bool agreed_on, uint8_t first)
{
    uint8_t kind = first >> 4;
    return agreed_on && kind != SYN && kind != SYNACK && kind != HELLO;
}

static bool is_whole32(const uint8_t *bytes, uint8_t size)
{
    uint32_t crc = sigb_crc32(bytes, size);
    uint8_t place = 4;
    while (place--) {
        if (bytes[size + place] != (uint8_t)crc)
            return false;
        crc >>= 8;
    }
    return true;
}
#endif

/* The bytes of its CRC, which is right; 0: it is not. */
static uint8_t right_crc(const sigb_packet_in *in)
{
    if (in->size < SIGB_HEADER + CRC16)
        return 0;
#if SIGB_CRC32
    if (has_crc32(in->long_crc, in->bytes[0]))
        return in->size >= SIGB_HEADER + CRC32 && is_whole32(in->bytes, (uint8_t)(in->size - CRC32)) ? CRC32 : 0;
    if (in->size > in->room - (CRC32 - CRC16)) /* of which there is room for a longer one */
        return 0;
#endif
    return sigb_crc16(in->bytes, in->size) == WHOLE ? CRC16 : 0;
}

enum { BETWEEN = 0, INSIDE, BROKEN };

static uint8_t ended(sigb_packet_in *in)
{
    uint8_t state = in->state, crc;
    in->state = BETWEEN;
    if (state == BETWEEN)
        return SIGB_MORE;
    crc = state == BROKEN || in->left ? 0 : right_crc(in);
    in->size = (uint8_t)(in->size - crc);
    return crc ? SIGB_WHOLE : SIGB_DAMAGED;
}

uint8_t sigb_packet_take(sigb_packet_in *in, uint8_t byte)
{
    bool is_code;
    if (byte == 0)
        return ended(in);
    if (in->state == BETWEEN) {
        in->state = INSIDE;
        in->size = 0;
        in->left = (uint8_t)(byte - 1);
        return SIGB_MORE;
    }
    is_code = in->left == 0;
    in->left = (uint8_t)((is_code ? byte : in->left) - 1);
    if (in->size == in->room)
        in->state = BROKEN;
    else
        in->bytes[in->size++] = is_code ? 0 : byte; /* a code stands for the zero before its group */
    return SIGB_MORE;
}

enum { OPENING = 0, CODE, GROUP, CLOSING };

static uint8_t seal16(uint8_t *bytes, uint8_t size)
{
    uint16_t crc = sigb_crc16(bytes, size);
    bytes[size++] = (uint8_t)(crc >> 8);
    bytes[size++] = (uint8_t)crc;
    return size;
}

#if SIGB_CRC32
static uint8_t seal32(uint8_t *bytes, uint8_t size)
{
    uint32_t crc = sigb_crc32(bytes, size);
    uint8_t shift = 32;
    while (shift)
        bytes[size++] = (uint8_t)(crc >> (shift = (uint8_t)(shift - 8)));
    return size;
}
#endif

void sigb_packet_start(sigb_packet_out *out, uint8_t *bytes, uint8_t size)
{
#if SIGB_CRC32
    size = has_crc32(out->long_crc, bytes[0]) ? seal32(bytes, size) : seal16(bytes, size);
#else
    size = seal16(bytes, size);
#endif
    out->bytes = bytes;
    out->left = size;
    out->state = OPENING;
}

/* Bytes until the next zero or the end. */
static uint8_t group_size(const sigb_packet_out *out)
{
    uint8_t size = 0;
    while (size < out->left && out->bytes[size])
        size++;
    return size;
}

bool sigb_packet_push(sigb_packet_out *out, const sigb_io *io)
{
    for (;;) {
        uint8_t byte = 0, size = 1;
        const uint8_t *from = &byte;
        int taken;
        if (out->state == CODE) {
            out->group = group_size(out);
            byte = (uint8_t)(out->group + 1);
        } else if (out->state == GROUP) {
            from = out->bytes;
            size = out->group;
        }
        taken = io->write(io->user, from, size);
        if (taken <= 0)
            return false;
        if (out->state == CLOSING)
            return true;
        if (out->state == GROUP) {
            out->bytes += taken;
            out->left = (uint8_t)(out->left - taken);
            out->group = (uint8_t)(out->group - taken);
        } else {
            out->state++;
        }
        if (out->state == GROUP && out->group == 0) {
            out->state = out->left ? CODE : CLOSING;
            if (out->left--)
                out->bytes++; /* over the zero, for which the next code stands */
        }
    }
}
