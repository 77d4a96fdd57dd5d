/* What is on its way to the host, and messages in parts. */
#include <string.h>

#include "sigb_inside.h"

enum { TOO_LONG = UINT16_MAX }; /* a message in parts, of which nothing is kept */

/* By distance, since 256 is no multiple of every window. */
uint8_t *sigb_packet_of(const sigb_link *l, uint8_t seq)
{
    uint8_t index = (uint8_t)(l->first + (uint8_t)(seq - l->base));
    if (index >= l->window)
        index = (uint8_t)(index - l->window);
    return l->slots + index * SIGB_SLOT_SIZE(l->mtu) + 1;
}

uint8_t sigb_link_open(const sigb_link *l)
{
    return (uint8_t)(l->next - l->base);
}

/* The next slot, or NULL. One that was acknowledged while it is being sent again is not free before it has gone. */
static uint8_t *free_packet(const sigb_link *l)
{
    uint8_t *packet = sigb_packet_of(l, l->next);
    return sigb_link_open(l) < l->window && l->on_line != packet ? packet : NULL;
}

static void fill(sigb_link *l, uint8_t *packet, uint8_t kind, uint16_t size)
{
    packet[-1] = (uint8_t)size;
    packet[0] = (uint8_t)(kind << 4);
    l->next++;
}

#if SIGB_PARTS
void sigb_cut(sigb_link *l)
{
    uint8_t *packet = l->going_size ? free_packet(l) : NULL;
    uint16_t size = l->going_size < l->syn[AT_MTU] ? l->going_size : l->syn[AT_MTU];
    if (!packet)
        return;
    memcpy(packet + SIGB_HEADER, l->going_at, size);
    l->going_at += size;
    l->going_size = (uint16_t)(l->going_size - size);
    fill(l, packet, l->going_size ? PART : DATA, size);
}

bool sigb_has_room(const sigb_link *l)
{
    return !l->going_size && free_packet(l);
}

uint8_t *sigb_link_begin(sigb_link *l, uint16_t *room)
{
    uint16_t most = (uint16_t)(l->syn[AT_MESSAGE] | l->syn[AT_MESSAGE + 1] << 8);
    if (!l->connected || !sigb_has_room(l))
        return NULL;
    if (most > l->message)
        most = l->message;
    *room = most > l->syn[AT_MTU] ? most : l->syn[AT_MTU];
    return l->going;
}

void sigb_link_commit(sigb_link *l, uint16_t size)
{
    l->going_at = l->going;
    l->going_size = size;
    sigb_cut(l);
}

bool sigb_accept(sigb_link *l, uint8_t kind, const uint8_t *bytes, uint8_t size)
{
    uint16_t before = l->coming_size, after = TOO_LONG;
    if (kind == DATA && before == 0)
        return l->deliver(l, bytes, size);
    if (before != TOO_LONG && size <= l->message - before) {
        memcpy(l->coming + before, bytes, size);
        after = (uint16_t)(before + size);
    }
    if (kind == DATA) {
        if (after == TOO_LONG)
            SIGB_COUNT(l, ignored, 1);
        else if (!l->deliver(l, l->coming, after))
            return false; /* this part comes again */
        after = 0;
    }
    l->coming_size = after;
    return true;
}
#else
bool sigb_has_room(const sigb_link *l)
{
    return free_packet(l) != NULL;
}

uint8_t *sigb_link_begin(sigb_link *l, uint16_t *room)
{
    uint8_t *packet = l->connected ? free_packet(l) : NULL;
    if (!packet)
        return NULL;
    *room = l->syn[AT_MTU];
    return packet + SIGB_HEADER;
}

void sigb_link_commit(sigb_link *l, uint16_t size)
{
    fill(l, sigb_packet_of(l, l->next), DATA, size);
}

bool sigb_accept(sigb_link *l, uint8_t kind, const uint8_t *bytes, uint8_t size)
{
    (void)kind;
    return l->deliver(l, bytes, size);
}
#endif
