#include "sigb_packet.h"

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

uint16_t sigb_crc16(const uint8_t *bytes, uint8_t size)
{
    uint16_t crc = 0xFFFF;
    while (size--)
        crc = crc_of_byte(crc, *bytes++);
    return (uint16_t)~crc;
}

enum { BETWEEN = 0, INSIDE, BROKEN };

static uint8_t ended(sigb_packet_in *in)
{
    uint8_t state = in->state;
    in->state = BETWEEN;
    if (state == BETWEEN)
        return SIGB_MORE;
    if (state == BROKEN || in->left || in->size < SIGB_HEADER + SIGB_CRC || sigb_crc16(in->bytes, in->size) != WHOLE)
        return SIGB_DAMAGED;
    in->size = (uint8_t)(in->size - SIGB_CRC);
    return SIGB_WHOLE;
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

void sigb_packet_start(sigb_packet_out *out, uint8_t *bytes, uint8_t size)
{
    uint16_t crc = sigb_crc16(bytes, size);
    bytes[size++] = (uint8_t)(crc >> 8);
    bytes[size++] = (uint8_t)crc;
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
