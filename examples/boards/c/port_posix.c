#define _GNU_SOURCE
#include "port.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static int line = -1;
static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

static long long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static int read_line(void *user, uint8_t *to, int size)
{
    (void)user;
    return (int)read(line, to, (size_t)size);
}

static int write_line(void *user, const uint8_t *from, int size)
{
    (void)user;
    return (int)write(line, from, (size_t)size);
}

static uint16_t millis(void *user)
{
    (void)user;
    return (uint16_t)now_ms();
}

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
    int master = posix_openpt(O_RDWR | O_NOCTTY), other;
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
        return -1;
    other = open(ptsname(master), O_RDWR | O_NOCTTY);
    make_raw(other);
    close(other);
    printf("%s\n", ptsname(master));
    fflush(stdout);
    return master;
}

const sigb_io *port_open(int count, char **words)
{
    static const sigb_io io = {read_line, write_line, millis, NULL};
    line = count > 1 ? open(words[1], O_RDWR | O_NOCTTY) : open_pty();
    if (line < 0) {
        perror(count > 1 ? words[1] : "pty");
        exit(1);
    }
    if (count > 1)
        make_raw(line);
    fcntl(line, F_SETFL, O_NONBLOCK);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    return &io;
}

bool port_wait(int ms)
{
    struct pollfd p = {line, POLLIN, 0};
    if (poll(&p, 1, ms) > 0 && (p.revents & POLLHUP))
        poll(NULL, 0, ms); /* nobody has the other end open */
    return !stopped;
}

float port_celsius(void)
{
    FILE *file = fopen("/sys/class/thermal/thermal_zone0/temp", "r");
    long thousandths = 0;
    if (file) {
        int found = fscanf(file, "%ld", &thousandths);
        fclose(file);
        if (found == 1)
            return (float)thousandths / 1000;
    }
    thousandths = (long)(now_ms() % 120000); /* a room that warms up for a minute, and cools down for another */
    return 20 + (float)(thousandths < 60000 ? thousandths : 120000 - thousandths) / 15000;
}

void port_led(bool on)
{
    fprintf(stderr, "LED %s\n", on ? "on" : "off");
}
