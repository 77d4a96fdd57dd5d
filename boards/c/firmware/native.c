/* The test board as a process of this machine.

       native [-n NAME] [-t SECONDS] [TTY | tcp HOST PORT]

   On a pty of its own, whose name it prints; on the terminal TTY; or on a connection to HOST PORT, made again whenever
   it is lost. Ends after SECONDS (600) or at SIGTERM; SIGUSR1 is its reset button. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "app.h"

#ifndef SLOTS
#define SLOTS 8
#endif
#ifndef MTU
#define MTU 246
#endif
#ifndef CREDIT
#define CREDIT 8
#endif
#ifndef MESSAGE
#define MESSAGE 4096
#endif

enum { RETRY_MS = 100, TICK_MS = 5 };

SIGB_STATIC_MEMORY(memory, SLOTS, MTU, CREDIT, MESSAGE);

static struct {
    int fd;                /* -1: not there now */
    const char *tty;       /* NULL: a pty of its own, or TCP */
    const char *host, *port;
    uint8_t out[8192];
    int waiting;           /* bytes in `out` */
} line = {.fd = -1};

static volatile sig_atomic_t stopped, was_reset;

static void on_signal(int number)
{
    if (number == SIGUSR1)
        was_reset = 1;
    else
        stopped = 1;
}

static long long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* ---- the line ---- */

static bool is_pty(void)
{
    return !line.tty && !line.host;
}

static void lose_line(void)
{
    line.waiting = 0;
    if (is_pty()) /* nobody has it open: what is sent is lost, as on a cable */
        return;
    close(line.fd);
    line.fd = -1;
}

static void flush(void)
{
    ssize_t sent;
    if (line.fd < 0 || !line.waiting)
        return;
    sent = write(line.fd, line.out, (size_t)line.waiting);
    if (sent > 0) {
        line.waiting -= (int)sent;
        memmove(line.out, line.out + sent, (size_t)line.waiting);
    } else if (errno != EAGAIN && errno != EINTR) {
        lose_line();
    }
}

static int read_line(void *user, uint8_t *to, int size)
{
    ssize_t got;
    (void)user;
    if (line.fd < 0)
        return 0;
    got = read(line.fd, to, (size_t)size);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        lose_line();
    return (int)got;
}

static int write_line(void *user, const uint8_t *from, int size)
{
    int room = (int)sizeof line.out - line.waiting;
    (void)user;
    if (line.fd < 0)
        return size;
    if (size > room)
        size = room;
    memcpy(line.out + line.waiting, from, (size_t)size);
    line.waiting += size;
    return size;
}

static uint16_t millis(void *user)
{
    (void)user;
    return (uint16_t)now_ms();
}

static const sigb_io io = {read_line, write_line, millis, NULL};

static void make_raw(int fd)
{
    struct termios t;
    if (tcgetattr(fd, &t) == 0) {
        cfmakeraw(&t);
        tcsetattr(fd, TCSANOW, &t);
    }
}

static int open_pty(void)
{
    int master, slave;
    char name[128];
    if (openpty(&master, &slave, name, NULL, NULL) != 0) {
        perror("native: pty");
        exit(1);
    }
    make_raw(slave);
    close(slave); /* so that the master can tell whether somebody has it open */
    fcntl(master, F_SETFL, O_NONBLOCK);
    printf("%s\n", name);
    fflush(stdout);
    return master;
}

static int open_tty(void)
{
    int fd = open(line.tty, O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (fd >= 0)
        make_raw(fd);
    return fd;
}

static int open_tcp(void)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    int fd, on = 1;
    if (getaddrinfo(line.host, line.port, &hints, &found) != 0)
        return -1;
    fd = socket(found->ai_family, SOCK_STREAM, 0);
    if (connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
        close(fd);
        fd = -1;
    } else {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        fcntl(fd, F_SETFL, O_NONBLOCK);
    }
    freeaddrinfo(found);
    return fd;
}

static void find_line(void)
{
    static long long tried = -RETRY_MS;
    if (line.fd >= 0 || now_ms() - tried < RETRY_MS)
        return;
    tried = now_ms();
    line.fd = is_pty() ? open_pty() : line.tty ? open_tty() : open_tcp();
    if (line.fd >= 0 && line.host) /* a cable can't tell, but a connection has a first byte, which must be 00 */
        sigb_link_reopened(&app_board.link);
}

static void wait_for_line(void)
{
    struct pollfd p = {line.fd, POLLIN, 0};
    if (line.waiting)
        p.events |= POLLOUT;
    if (poll(&p, 1, TICK_MS) > 0 && p.revents == POLLHUP) {
        line.waiting = 0;
        poll(NULL, 0, TICK_MS);
    }
}

/* ---- the process ---- */

static void start(const char *name)
{
    int8_t status = app_init(name, &io, &memory);
    line.waiting = 0;
    if (status == SIGB_OK)
        return;
    fprintf(stderr, "native: status %d: %zu bytes are needed, %zu are there\n", status, app_board.needed,
            app_board.there);
    exit(1);
}

static void read_options(int count, char **words, const char **name, long long *seconds)
{
    int option;
    while ((option = getopt(count, words, "n:t:")) != -1) {
        if (option == 'n')
            *name = optarg;
        else if (option == 't')
            *seconds = atoll(optarg);
        else
            exit(2);
    }
    if (count - optind == 3 && strcmp(words[optind], "tcp") == 0) {
        line.host = words[optind + 1];
        line.port = words[optind + 2];
    } else if (count - optind == 1) {
        line.tty = words[optind];
    } else if (count != optind) {
        fprintf(stderr, "native: [-n NAME] [-t SECONDS] [TTY | tcp HOST PORT]\n");
        exit(2);
    }
}

int main(int count, char **words)
{
    const char *name = "native";
    long long seconds = 600, end;
    read_options(count, words, &name, &seconds);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    signal(SIGUSR1, on_signal);
    signal(SIGPIPE, SIG_IGN);
    start(name);
    for (end = now_ms() + seconds * 1000; !stopped && now_ms() < end; wait_for_line()) {
        if (was_reset) {
            was_reset = 0;
            start(name);
        }
        find_line();
        app_poll();
        flush();
    }
    return 0;
}
