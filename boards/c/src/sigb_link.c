#include <string.h>

#include "sigb_inside.h"

enum { HELLO_SIZE = 5, TRIES = 12, HELLO_MS = 1000, RTO_MAX = 1000, SILENCE_MS = 100 };

/* Not to be merged with a caller that knows where the board is: an 8-bit processor reaches into it with 4 bytes of
   code by its address, with 2 by a pointer. */
#ifdef __GNUC__
#define SIGB_APART __attribute__((noinline))
#else
#define SIGB_APART
#endif

static uint16_t since(const sigb_link *l, uint16_t then)
{
    return (uint16_t)(l->now - then);
}

/* ---- reading ---- */

static void take_byte(sigb_link *l, uint8_t byte)
{
    uint8_t what = sigb_packet_take(&l->in, byte);
    if (what == SIGB_WHOLE) {
        sigb_take_packet(l, l->in.bytes, l->in.size);
    } else if (what == SIGB_DAMAGED) {
        SIGB_COUNT(l, damaged, 1);
        sigb_ask(l);
    }
}

static void read_all(sigb_link *l)
{
    uint8_t bytes[16], rounds = 255; /* a line that never runs dry must not keep us here */
    int count;
    while (rounds-- && (count = l->io->read(l->io->user, bytes, sizeof bytes)) > 0) {
        const uint8_t *byte = bytes;
        while (count--)
            take_byte(l, *byte++);
    }
}

/* ---- sending ---- */

static void start(sigb_link *l, uint8_t *packet, uint8_t seq, uint8_t size)
{
    packet[0] = (uint8_t)((packet[0] & 0xF0) | l->credit);
    packet[1] = seq;
    packet[2] = l->expected;
    l->sent_at = l->now;
    l->want &= (uint8_t)~WANT(ACK); /* every packet says it */
    l->on_line = packet;
    sigb_packet_start(&l->out, packet, (uint8_t)(SIGB_HEADER + size));
}

static void start_control(sigb_link *l, uint8_t kind)
{
    uint8_t *to = l->control + SIGB_HEADER, size = 0;
    if (kind == SYNACK) {
        size = SYN_SIZE;
        memcpy(to, l->syn, SYN_SIZE);
#if SIGB_CRC32
        to[AT_FLAGS] = l->out.long_crc ? LONG_CRC : 0;
#else
        to[AT_FLAGS] = 0;
#endif
        to[AT_MTU] = l->mtu;
        to[AT_WINDOW] = l->window;
        to[AT_RTO] = 0; /* here it is the dialect */
#if SIGB_PARTS
        to[AT_MESSAGE] = (uint8_t)l->message;
        to[AT_MESSAGE + 1] = (uint8_t)(l->message >> 8);
#else
        to[AT_MESSAGE] = to[AT_MESSAGE + 1] = 0;
#endif
    } else if (kind == HELLO) {
        size = HELLO_SIZE;
        to[AT_VERSION] = SIGB_VERSION;
        memcpy(to + 1, l->syn + AT_SID, SID_SIZE);
    }
    l->control[0] = (uint8_t)(kind << 4);
    start(l, l->control, 0, size);
}

static bool may_send(const sigb_link *l)
{
    uint8_t open = (uint8_t)(l->sent - l->base);
    return l->connected && l->sent != l->next && open < l->peer_credit && open < l->syn[AT_WINDOW];
}

static void start_data(sigb_link *l)
{
    uint8_t *packet = sigb_packet_of(l, l->sent);
    start(l, packet, l->sent++, packet[-1]);
    if ((uint8_t)(l->sent - l->base) > (uint8_t)(l->top - l->base))
        l->top = l->sent;
}

/* Begin the next packet. False: there is none. */
static bool start_next(sigb_link *l)
{
    uint8_t kind = FIN, bit = WANT(FIN), wanted;
    if (l->refused == 1 && sigb_has_room(l)) {
        l->refused = 2;
        sigb_ask(l);
    }
    wanted = (uint8_t)(l->want & ~(WANT(ACK) | WANT(FIN))); /* which can wait for what is to be sent anyhow */
    if (!wanted && may_send(l)) {
        start_data(l);
        return true;
    }
    if (!wanted)
        wanted = l->want;
    if (!wanted)
        return false;
    for (; !(wanted & bit); bit >>= 1)
        kind--;
    l->want = (uint8_t)(l->want & ~bit);
    start_control(l, kind);
    if (kind == FIN)
        sigb_end(l);
    return true;
}

void sigb_link_push(sigb_link *l)
{
    do {
        if (l->on_line) {
            if (!sigb_packet_push(&l->out, l->io))
                return;
            if (l->on_line == sigb_packet_of(l, l->base))
                l->timer = l->now; /* the time of a packet runs from its last byte, however slow the line is */
            l->on_line = NULL;
        }
#if SIGB_PARTS
        sigb_cut(l);
#endif
    } while (start_next(l));
}

/* ---- the clock ---- */

/* In steps of 100 ms: three times the greatest keepalive is more than 16 bits of milliseconds. */
static bool is_silent(sigb_link *l)
{
    while (since(l, l->heard_at) >= SILENCE_MS) {
        l->heard_at = (uint16_t)(l->heard_at + SILENCE_MS);
        l->silence++;
    }
    return l->silence >= l->syn[AT_KEEPALIVE] * 3;
}

/* The first open packet is not acknowledged in time. False: that was so too often. */
static bool retry(sigb_link *l)
{
    uint16_t most = l->syn[AT_RTO] > RTO_MAX / 10 ? (uint16_t)(l->syn[AT_RTO] * 10) : RTO_MAX;
    sigb_go_back(l);
    l->rto = (uint16_t)(l->rto * 2);
    if (l->rto > most)
        l->rto = most;
    return l->tries++ < TRIES;
}

static void look_at_clock(sigb_link *l)
{
    if (!l->connected) {
        if (since(l, l->sent_at) >= HELLO_MS)
            l->want |= WANT(HELLO);
    } else if (is_silent(l)) {
        sigb_disconnect(l);
    } else if (l->sent != l->base) {
        if (l->on_line != sigb_packet_of(l, l->base) && since(l, l->timer) >= l->rto && !retry(l))
            sigb_disconnect(l);
    } else if (l->next != l->base && l->peer_credit == 0 && since(l, l->sent_at) >= l->rto) {
        l->want |= WANT(PING);
    }
}

SIGB_APART void sigb_link_poll(sigb_link *l)
{
    l->now = l->io->millis(l->io->user);
    read_all(l);
    look_at_clock(l);
    l->now = l->io->millis(l->io->user); /* a handler may have taken its time: what is sent now is sent now */
    sigb_link_push(l);
}

void sigb_link_reopened(sigb_link *l)
{
    l->in.state = 0;
    l->on_line = NULL;
    l->connected = false;
    l->want = WANT(HELLO);
}

void sigb_link_finish(sigb_link *l)
{
    if (l->connected)
        l->want |= WANT(FIN);
}

int8_t sigb_link_init(sigb_link *l, const sigb_io *io, const sigb_memory *memory)
{
    uint8_t mtu = memory->mtu;
    if (memory->window < 1 || memory->window > SIGB_WINDOW_MAX || mtu < SIGB_MTU_MIN || mtu > SIGB_MTU_MAX ||
        memory->credit < 1 || memory->credit > SIGB_CREDIT_MAX)
        return SIGB_BAD_MESSAGE;
#if SIGB_PARTS
    if (memory->message < mtu || memory->message == UINT16_MAX)
        return SIGB_BAD_MESSAGE;
#endif
    if (memory->size < SIGB_MEMORY_SIZE(memory->window, mtu, memory->message))
        return SIGB_TOO_BIG;
    memset(l, 0, sizeof *l);
    l->io = io;
    l->window = memory->window;
    l->mtu = mtu;
    l->credit = memory->credit;
    l->slots = memory->bytes;
    l->in.bytes = l->slots + l->window * SIGB_SLOT_SIZE(mtu);
    l->in.room = (uint8_t)SIGB_PACKET_SIZE(mtu);
#if SIGB_PARTS
    l->message = memory->message;
    l->coming = l->in.bytes + SIGB_PACKET_SIZE(mtu);
    l->going = l->coming + l->message;
#endif
    l->now = io->millis(io->user);
    l->want = WANT(HELLO);
    return SIGB_OK;
}
