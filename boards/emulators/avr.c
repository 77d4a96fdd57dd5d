/* An ATmega328P at 16 MHz in real time: its UART is a pty, its bytes come at the speed of the line.
 *
 *   avr [-l LINK] [-b MILLISECONDS] FIRMWARE.elf BAUD SECONDS
 *
 * Prints the name of the pty, then runs until SIGTERM, SIGINT or the time limit; SIGUSR1 is the reset button. At the end it
 * says on standard error how many bytes went which way and how many were lost.
 *   -l   a symbolic link to the pty under this name, removed at the end
 *   -b   a bootloader: after each reset the program begins so many milliseconds later, and what comes meanwhile is swallowed
 * Exit status: 0 ended as told, 1 could not start, 2 the program crashed.
 *
 * Not as on a board: no DTR reset (a pty has no such line), no brown-out, framing never fails whatever the baud rate.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <simavr/avr_uart.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_elf.h>

#define HZ 16000000u
#define BITS_A_BYTE 10u
#define TURN (HZ / 2000)         /* cycles between two looks at the clock: 0.5 ms */
#define IDLE (HZ / 20000)        /* cycles between two looks for a byte: 50 us */
#define RX_DEPTH 3               /* the UART keeps two bytes, and one in its shift register; simavr would keep 64 */
#define SLIP 0.05                /* seconds behind from which the board's time is no longer made up for */

typedef struct {
    avr_t *avr;
    avr_uart_t *uart;
    avr_irq_t *rx;
    int pty, pty_kept;
    const char *link;
    uint64_t byte_cycles, next_rx, next_turn;
    double started;              /* clock at cycle 0 */
    double boot, program_begins; /* seconds of bootloader; clock at its end */
    unsigned char waiting[64];
    int waiting_n, waiting_i;
    unsigned long to_board, from_board, unread, overrun, swallowed;
} board;

static volatile sig_atomic_t stop_asked, reset_asked;

static void on_signal(int number)
{
    if (number == SIGUSR1)
        reset_asked = 1;
    else
        stop_asked = 1;
}

static double clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void rest(double seconds)
{
    struct timespec t = { (time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9) };
    nanosleep(&t, NULL);         /* a signal ends it early, which is welcome */
}

static void die(const char *format, ...)
{
    va_list more;
    va_start(more, format);
    fputs("avr: ", stderr);
    vfprintf(stderr, format, more);
    fputc('\n', stderr);
    va_end(more);
    exit(1);
}

/* standard output is for the name of the pty */
static void say_errors(avr_t *avr, const int level, const char *format, va_list more)
{
    (void)avr;
    if (level == LOG_ERROR)
        vfprintf(stderr, format, more);
}

/* simavr sleeps for the program when it sleeps; here `keep_pace` is the only one who does */
static void sleep_not(avr_t *avr, avr_cycle_count_t cycles)
{
    (void)avr;
    (void)cycles;
}

static void on_byte_from_board(struct avr_irq_t *irq, uint32_t value, void *param)
{
    board *b = param;
    unsigned char byte = (unsigned char)value;
    (void)irq;
    if (write(b->pty, &byte, 1) == 1)
        b->from_board++;
    else
        b->unread++;
}

static unsigned unread_by_program(const board *b)
{
    const uart_fifo_t *queue = &b->uart->input;
    return ((unsigned)queue->write - (unsigned)queue->read) % uart_fifo_fifo_size;
}

static avr_uart_t *find_uart(avr_t *avr)
{
    avr_io_t *io;
    for (io = avr->io_port; io; io = io->next)
        if (!strcmp(io->kind, "uart"))
            return (avr_uart_t *)io;
    die("simavr's atmega328p has no UART");
    return NULL;
}

static void load(board *b, char *path)
{
    elf_firmware_t firmware;
    memset(&firmware, 0, sizeof firmware);
    avr_global_logger_set(say_errors);
    if (elf_read_firmware(path, &firmware) != 0)
        die("%s: not an ELF firmware", path);
    b->avr = avr_make_mcu_by_name("atmega328p");
    if (!b->avr)
        die("this simavr has no atmega328p");
    avr_init(b->avr);
    b->avr->log = LOG_ERROR;
    firmware.frequency = HZ;
    avr_load_firmware(b->avr, &firmware);
    b->avr->sleep = sleep_not;
    b->uart = find_uart(b->avr);
    b->rx = avr_io_getirq(b->avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT);
    avr_irq_register_notify(
        avr_io_getirq(b->avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT), on_byte_from_board, b);
}

static void open_pty(board *b)
{
    char name[64];
    struct termios raw;
    if (openpty(&b->pty, &b->pty_kept, name, NULL, NULL) != 0)
        die("no pty: %s", strerror(errno));
    tcgetattr(b->pty_kept, &raw);
    cfmakeraw(&raw);
    tcsetattr(b->pty_kept, TCSANOW, &raw);
    fcntl(b->pty, F_SETFL, O_NONBLOCK);
    if (b->link) {
        unlink(b->link);
        if (symlink(name, b->link) != 0)
            die("%s: %s", b->link, strerror(errno));
    }
    printf("%s\n", name);
    fflush(stdout);
}

/* Power on, or the reset button. */
static void reset(board *b)
{
    uint32_t no_flags = 0;       /* by default simavr copies output to stdout and sleeps when the UART is polled */
    avr_reset(b->avr);
    b->avr->state = cpu_Running;
    avr_ioctl(b->avr, AVR_IOCTL_UART_SET_FLAGS('0'), &no_flags);
    b->program_begins = clock_now() + b->boot;
    b->started = b->program_begins - (double)b->avr->cycle / HZ;
    b->next_rx = b->next_turn = b->avr->cycle;
}

static void boot(board *b)
{
    long n;
    while ((n = read(b->pty, b->waiting, sizeof b->waiting)) > 0)
        b->swallowed += (unsigned long)n;
    rest(0.001);
}

static void receive(board *b)
{
    b->uart->cycles_per_byte = b->byte_cycles; /* simavr's own figure has a bit too many, or more: it depends on the order
                                                  in which the program writes the UART's registers */
    if (b->waiting_i == b->waiting_n) {
        long n = read(b->pty, b->waiting, sizeof b->waiting);
        b->waiting_n = n > 0 ? (int)n : 0;
        b->waiting_i = 0;
    }
    if (b->waiting_i == b->waiting_n) {
        b->next_rx = b->avr->cycle + IDLE;
        return;
    }
    if (unread_by_program(b) < RX_DEPTH) {
        avr_raise_irq(b->rx, b->waiting[b->waiting_i]);
        b->to_board++;
    } else
        b->overrun++;
    b->waiting_i++;
    b->next_rx = b->avr->cycle + b->byte_cycles;
}

static void keep_pace(board *b)
{
    double ahead = b->started + (double)b->avr->cycle / HZ - clock_now();
    if (ahead > 0.0003)
        rest(ahead);
    else if (ahead < -SLIP)
        b->started -= ahead;
    b->next_turn = b->avr->cycle + TURN;
}

static int run(board *b, double seconds)
{
    double end = clock_now() + seconds;
    int state = cpu_Running;
    reset(b);
    while (!stop_asked && state != cpu_Done && state != cpu_Crashed && clock_now() < end) {
        if (reset_asked) {
            reset_asked = 0;
            reset(b);
        }
        if (clock_now() < b->program_begins) {
            boot(b);
            continue;
        }
        do {
            state = avr_run(b->avr);
            if (b->avr->cycle >= b->next_rx)
                receive(b);
        } while (b->avr->cycle < b->next_turn && state != cpu_Done && state != cpu_Crashed);
        keep_pace(b);
    }
    return state == cpu_Crashed ? 2 : 0;
}

int main(int argc, char **argv)
{
    static board b;
    double baud, seconds;
    int option, status;
    while ((option = getopt(argc, argv, "l:b:")) != -1) {
        if (option == 'l')
            b.link = optarg;
        else if (option == 'b')
            b.boot = atof(optarg) / 1000;
        else
            return 1;
    }
    if (argc - optind != 3)
        die("usage: avr [-l LINK] [-b MILLISECONDS] FIRMWARE.elf BAUD SECONDS");
    baud = atof(argv[optind + 1]);
    seconds = atof(argv[optind + 2]);
    if (baud < 300 || baud > 2000000 || seconds <= 0)
        die("baud rates are 300 .. 2,000,000, the time limit is more than 0 s");
    b.byte_cycles = (uint64_t)((double)HZ * BITS_A_BYTE / baud);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    signal(SIGUSR1, on_signal);
    load(&b, argv[optind]);
    open_pty(&b);
    status = run(&b, seconds);
    if (b.link)
        unlink(b.link);
    fprintf(stderr, "avr: to board %lu, from board %lu, overrun %lu, unread %lu, swallowed %lu\n", b.to_board, b.from_board,
            b.overrun, b.unread, b.swallowed);
    return status;
}
