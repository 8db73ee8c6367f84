/* Levers: system calls that fail when they are told to; preloaded into a program under test.
 *
 * LEVERS names a mapped file of two levers, eight words each, with which the judge arms and disarms at any moment; LEVERS_AT is a part
 * of the paths that are meant. Descriptors are known by the path with which they were opened. Built by levers.py.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CALLS, EFFECT, AFTER, TIMES, SEEN, INJECTED, WORDS = 8, COUNT = 2 };
enum { WRITE = 1, OPEN = 2, RENAME = 4, SYNC = 8, TRUNCATE = 16, UNLINK = 32, LINK = 64 };
enum { HALF = 1001, HANG = 1002, DIE = 1003, HALF_AND_DIE = 1004 };
enum { KNOWN = 65536 };

static volatile uint64_t *levers;
static const char *at;
static volatile char meant[KNOWN];

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("LEVERS");
    at = getenv("LEVERS_AT");
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    int fd = path ? real(path, O_RDWR) : -1;
    if (fd < 0)
        return;
    void *map = mmap(0, COUNT * WORDS * sizeof *levers, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (map != MAP_FAILED)
        levers = map;
}

static int path_meant(const char *path) { return path && at && strstr(path, at) != 0; }

/* Return what a lever does with this call: nothing (0), an error's number, or one of the effects above. */
static int effect_of(volatile uint64_t *lever, int call) {
    if (!(lever[CALLS] & call))
        return 0;
    uint64_t seen = __sync_fetch_and_add(&lever[SEEN], 1);
    if (seen < lever[AFTER] || (lever[TIMES] && seen >= lever[AFTER] + lever[TIMES]))
        return 0;
    __sync_fetch_and_add(&lever[INJECTED], 1);
    int what = (int)lever[EFFECT];
    if (what == DIE)
        kill(getpid(), SIGKILL);
    while (what == HANG && lever[EFFECT] == HANG && lever[CALLS] & call)
        usleep(1000);
    return what == HANG ? 0 : what;
}

static int effect(int call) {
    int what = 0;
    for (int lever = 0; levers && lever < COUNT; lever++) {
        int this = effect_of(levers + lever * WORDS, call);
        what = what ? what : this;
    }
    return what;
}

#define REAL(name) static __typeof__(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)
#define FAIL_IF(call) int what = effect(call); if (what) { errno = what; return -1; }

ssize_t write(int fd, const void *data, size_t size) {
    REAL(write);
    if (fd < 0 || fd >= KNOWN || !meant[fd])
        return real(fd, data, size);
    int what = effect(WRITE);
    if (what == HALF)
        return real(fd, data, size > 1 ? size / 2 : size);
    if (what == HALF_AND_DIE) {
        real(fd, data, size / 2);
        kill(getpid(), SIGKILL);
    }
    if (what) {
        errno = what;
        return -1;
    }
    return real(fd, data, size);
}

static int opened(int fd, const char *path) {
    if (fd >= 0 && fd < KNOWN)
        meant[fd] = (char)path_meant(path);
    return fd;
}

#define MODE(flags) mode_t mode = 0; if ((flags) & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); \
    mode = va_arg(more, mode_t); va_end(more); }

int open(const char *path, int flags, ...) {
    REAL(open);
    MODE(flags)
    if (path_meant(path)) { FAIL_IF(OPEN) }
    return opened(real(path, flags, mode), path);
}

int open64(const char *path, int flags, ...) {
    REAL(open64);
    MODE(flags)
    if (path_meant(path)) { FAIL_IF(OPEN) }
    return opened(real(path, flags, mode), path);
}

int openat(int folder, const char *path, int flags, ...) {
    REAL(openat);
    MODE(flags)
    if (path_meant(path)) { FAIL_IF(OPEN) }
    return opened(real(folder, path, flags, mode), path);
}

int openat64(int folder, const char *path, int flags, ...) {
    REAL(openat64);
    MODE(flags)
    if (path_meant(path)) { FAIL_IF(OPEN) }
    return opened(real(folder, path, flags, mode), path);
}

int close(int fd) {
    REAL(close);
    if (fd >= 0 && fd < KNOWN)
        meant[fd] = 0;
    return real(fd);
}

int rename(const char *from, const char *to) {
    REAL(rename);
    if (path_meant(from)) { FAIL_IF(RENAME) }
    return real(from, to);
}

int unlink(const char *path) {
    REAL(unlink);
    if (path_meant(path)) { FAIL_IF(UNLINK) }
    return real(path);
}

int link(const char *from, const char *to) {
    REAL(link);
    if (path_meant(from)) { FAIL_IF(LINK) }
    return real(from, to);
}

#define ON_DESCRIPTOR(fd, call) if ((fd) >= 0 && (fd) < KNOWN && meant[fd]) { FAIL_IF(call) }

int fsync(int fd) {
    REAL(fsync);
    ON_DESCRIPTOR(fd, SYNC)
    return real(fd);
}

int fdatasync(int fd) {
    REAL(fdatasync);
    ON_DESCRIPTOR(fd, SYNC)
    return real(fd);
}

int ftruncate(int fd, off_t size) {
    REAL(ftruncate);
    ON_DESCRIPTOR(fd, TRUNCATE)
    return real(fd, size);
}

int ftruncate64(int fd, off64_t size) {
    REAL(ftruncate64);
    ON_DESCRIPTOR(fd, TRUNCATE)
    return real(fd, size);
}
