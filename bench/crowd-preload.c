// Loaded before the server by `crowd`: how long each event loop is busy between two looks at its descriptors.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// In nanoseconds. `crowd` reads it, and sets it back to zero.
struct loop {
  uint64_t wakeups, longest, longest_wall, busy;
};

enum { LOOPS = 16 };

static struct loop *loops;
static int count;
static long (*next)(long, ...);
static _Thread_local int own = -1;
static _Thread_local uint64_t since, since_wall;

static uint64_t now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("CROWD_LOOPS");
  int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (file < 0) return;
  void *memory = mmap(NULL, LOOPS * sizeof *loops, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory != MAP_FAILED) loops = memory;
  close(file);
}

static void look(void) {
  uint64_t busy = now(CLOCK_THREAD_CPUTIME_ID) - since, wall = now(CLOCK_MONOTONIC) - since_wall;
  struct loop *loop = &loops[own];
  loop->wakeups++;
  loop->busy += busy;
  if (busy > loop->longest) loop->longest = busy;
  if (wall > loop->longest_wall) loop->longest_wall = wall;
}

// What the server calls in place of epoll_pwait(2), among others.
long syscall(long number, ...) {
  long words[6];
  va_list rest;
  va_start(rest, number);
  for (int index = 0; index < 6; index++) words[index] = va_arg(rest, long);
  va_end(rest);
  // Others may call it before the constructor has run.
  if (!next) next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  int is_look = number == SYS_epoll_pwait && loops;
  if (is_look && own < 0) own = __atomic_fetch_add(&count, 1, __ATOMIC_RELAXED) % LOOPS;
  if (is_look && since) look();
  long result = next(number, words[0], words[1], words[2], words[3], words[4], words[5]);
  if (is_look) {
    since = now(CLOCK_THREAD_CPUTIME_ID);
    since_wall = now(CLOCK_MONOTONIC);
  }
  return result;
}
