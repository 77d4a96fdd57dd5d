/* Sessions, and what each packet of the host does (docs/board-protocol.md, sections 2 and 3). */
#include <string.h>

#include "sigb_inside.h"

enum { ASKS = 3 };

static void ignore(sigb_link *l)
{
    SIGB_COUNT(l, ignored, 1);
    (void)l;
}

static void forget(sigb_link *l)
{
    SIGB_COUNT(l, lost, sigb_link_open(l));
    memset(l->syn, 0, sizeof l->syn);
    l->base = l->sent = l->top = l->next = l->first = l->expected = 0;
    l->refused = 0;
#if SIGB_PARTS
    l->coming_size = l->going_size = 0;
#endif
#if SIGB_CRC32
    l->in.long_crc = l->out.long_crc = false;
#endif
}

void sigb_disconnect(sigb_link *l)
{
    l->connected = false;
    l->want = 0;
}

void sigb_end(sigb_link *l)
{
    forget(l);
    sigb_disconnect(l);
    l->renewed(l);
}

static void heard(sigb_link *l)
{
    l->heard_at = l->now;
    l->silence = 0;
}

/* There is no reason to doubt the line. */
static void trust(sigb_link *l)
{
    l->tries = 0;
    l->timer = l->now;
    l->rto = (uint16_t)(l->syn[AT_RTO] * 10);
}

static void take_ack(sigb_link *l, const uint8_t *packet)
{
    uint8_t gone = (uint8_t)(packet[2] - l->base);
    l->peer_credit = packet[0] & 15;
    if (gone == 0 || gone > (uint8_t)(l->top - l->base))
        return;
    l->first = (uint8_t)(l->first + gone);
    if (l->first >= l->window)
        l->first = (uint8_t)(l->first - l->window);
    l->base = packet[2];
    if ((uint8_t)(l->sent - l->base) > sigb_link_open(l)) /* it had gone back, and the first time did arrive */
        l->sent = l->base;
    trust(l);
}

void sigb_go_back(sigb_link *l)
{
    if (l->sent == l->base)
        return;
    l->sent = l->base;
    SIGB_COUNT(l, resent, 1);
}

/* Whether the numbers of a SYN of this version are in the ranges of the page. */
static bool is_sound(const uint8_t *syn)
{
    return (syn[AT_SID] | syn[AT_SID + 1] | syn[AT_SID + 2] | syn[AT_SID + 3]) &&
           (uint8_t)(syn[AT_MTU] - SIGB_MTU_MIN) <= SIGB_MTU_MAX - SIGB_MTU_MIN &&
           (uint8_t)(syn[AT_WINDOW] - 1) < SIGB_WINDOW_MAX && syn[AT_KEEPALIVE] && syn[AT_RTO];
}

static void take_syn(sigb_link *l, const uint8_t *packet, uint8_t size)
{
    const uint8_t *syn = packet + SIGB_HEADER;
    bool is_new = memcmp(syn + AT_SID, l->syn + AT_SID, SID_SIZE) != 0;
    if (size < SIGB_HEADER + SYN_SIZE) {
        ignore(l);
        return;
    }
    if (syn[AT_VERSION] != SIGB_VERSION || (is_new && (syn[AT_FLAGS] & RESUME))) {
        l->want |= WANT(HELLO);
        return;
    }
    if (!is_sound(syn)) {
        ignore(l);
        return;
    }
    if (is_new)
        sigb_end(l);
    memcpy(l->syn, syn, SYN_SIZE);
    if (l->syn[AT_MTU] > l->mtu)
        l->syn[AT_MTU] = l->mtu;
#if SIGB_CRC32
    l->in.long_crc = l->out.long_crc = (syn[AT_FLAGS] & LONG_CRC) != 0;
#endif
    take_ack(l, packet);
    sigb_go_back(l);
    trust(l);
    heard(l);
    l->connected = true;
    l->asked = 0;
    l->want = (uint8_t)((l->want & WANT(FIN)) | WANT(SYNACK));
}

/* ---- receiving ---- */

/* Something was damaged or is missing: ask for it, unless it is we who had no memory for it. */
void sigb_ask(sigb_link *l)
{
    if (l->connected && l->refused != 1)
        l->want |= WANT(NAK);
}

/* The host asks: perhaps it did not understand that we did. */
static void take_nak(sigb_link *l)
{
    sigb_go_back(l);
    l->want |= WANT(ACK); /* goes with whatever is sent */
    if (l->asked && l->asked <= ASKS) {
        l->asked++;
        sigb_ask(l);
    }
}

static void take_numbered(sigb_link *l, const uint8_t *packet, uint8_t size)
{
    uint8_t ahead = (uint8_t)(packet[1] - l->expected);
    if (ahead >= 128) {
        SIGB_COUNT(l, doubled, 1);
        l->want |= WANT(ACK);
    } else if (ahead) {
        if (!l->asked) {
            l->asked = 1;
            sigb_ask(l);
        }
    } else {
        l->refused = 0; /* so that its handlers may use the memory that was kept for it */
        if (sigb_accept(l, packet[0] >> 4, packet + SIGB_HEADER, (uint8_t)(size - SIGB_HEADER))) {
            l->expected++;
            l->asked = 0;
            l->want = (uint8_t)((l->want & ~WANT(NAK)) | WANT(ACK));
        } else {
            l->refused = 1;
        }
    }
}

static bool is_known(uint8_t kind, uint8_t size)
{
    if (kind == DATA || (SIGB_PARTS && kind == PART))
        return true;
    return size == SIGB_HEADER && (kind == FIN || (kind >= ACK && kind <= PING));
}

void sigb_take_packet(sigb_link *l, const uint8_t *packet, uint8_t size)
{
    uint8_t kind = packet[0] >> 4;
    bool connected = l->connected;
    if (kind == SYN) {
        take_syn(l, packet, size);
        return;
    }
    if (!is_known(kind, size)) {
        ignore(l);
        return;
    }
    if (kind == FIN)
        sigb_end(l);
    if (!connected) {
        l->want |= WANT(HELLO);
    } else if (kind != FIN) {
        heard(l);
        take_ack(l, packet);
        if (kind == NAK)
            take_nak(l);
        else if (kind == PING)
            l->want |= WANT(ACK);
        else if (kind != ACK)
            take_numbered(l, packet, size);
    }
}
