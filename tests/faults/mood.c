/* What a machine's clock and disk do to one process: loaded before the C library.
 *
 * A file that the harness writes is mapped at the start; its six numbers are read at each call.
 * The wall clock alone is changed: who measures time spans has the true one. A sync, and the first
 * write of a burst, take as much longer as the disk is slow.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct mood {
    volatile int64_t ahead_ns;   /* of the wall clock */
    volatile int64_t drift_ppm;  /* since since_ns of the monotonic clock */
    volatile int64_t since_ns;
    volatile int64_t slow_us;    /* of one sync */
    volatile int64_t slowed;     /* how often that was so: written here */
    volatile int64_t syncs_only; /* no write is slow */
};

static struct mood *mood;
static int (*real_gettime)(clockid_t, struct timespec *);
static int (*real_fsync)(int), (*real_fdatasync)(int);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static __thread int64_t written_ns;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULTS_MOOD");
    real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *found = mmap(NULL, sizeof *mood, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (found != MAP_FAILED) mood = found;
}

static int64_t monotonic_ns(void) {
    struct timespec now;
    real_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int clock_gettime(clockid_t clock, struct timespec *out) {
    if (!real_gettime) real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    int code = real_gettime(clock, out);
    if (code || !mood || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return code;
    int64_t ns = out->tv_sec * 1000000000LL + out->tv_nsec + mood->ahead_ns;
    if (mood->drift_ppm) ns += (monotonic_ns() - mood->since_ns) / 1000000 * mood->drift_ppm;
    if (ns < 0) ns = 0;
    out->tv_sec = ns / 1000000000LL;
    out->tv_nsec = ns % 1000000000LL;
    return 0;
}

int gettimeofday(struct timeval *out, void *zone) {
    struct timespec now;
    (void)zone;
    int code = clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return code;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}

static void wait_for_disk(void) {
    if (!mood || mood->slow_us <= 0) return;
    struct timespec left = {mood->slow_us / 1000000, mood->slow_us % 1000000 * 1000};
    mood->slowed++;
    while (nanosleep(&left, &left)) {
    }
}

int fsync(int file) {
    wait_for_disk();
    return real_fsync(file);
}

int fdatasync(int file) {
    wait_for_disk();
    return real_fdatasync(file);
}

ssize_t pwrite64(int file, const void *data, size_t size, off_t at) {
    if (mood && mood->slow_us > 0 && !mood->syncs_only && monotonic_ns() - written_ns > 20000000) wait_for_disk();
    ssize_t done = real_pwrite(file, data, size, at);
    if (mood && mood->slow_us > 0) written_ns = monotonic_ns();
    return done;
}

ssize_t pwrite(int file, const void *data, size_t size, off_t at) {
    return pwrite64(file, data, size, at);
}
