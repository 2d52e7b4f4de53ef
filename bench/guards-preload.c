// Loaded before zinxd by `guards`, and by nothing else, so that what is counted under valgrind is what runs without it.

#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// What libdispatch offers those who run the main queue in a loop of their own, such as CFRunLoop.
extern int _dispatch_get_main_queue_handle_4CF(void);
extern void _dispatch_main_queue_callback_4CF(void *);

// dispatch_main that keeps the main thread: libdispatch's own ends it, which valgrind takes for the end of the process, and crashes. What
// runs on the main queue is the same.
__attribute__((noreturn)) void dispatch_main(void) {
  struct pollfd queue = {.fd = _dispatch_get_main_queue_handle_4CF(), .events = POLLIN};
  uint64_t wakeups;
  for (;;) {
    if (poll(&queue, 1, -1) < 0 && errno != EINTR) abort();
    // The handle does not block: nothing to read means that somebody else was faster, and the queue is empty.
    if (read(queue.fd, &wakeups, sizeof wakeups) < 0 && errno != EAGAIN && errno != EINTR) abort();
    _dispatch_main_queue_callback_4CF(NULL);
  }
}

// A tick of the coarse clock ends the turn of a batch. A batch of the most expensive form takes a tenth of a tick, but under valgrind more
// than one, and how many depends on the machine: the clock stands still.
int clock_gettime(clockid_t clock, struct timespec *time) {
  if (clock == CLOCK_MONOTONIC_COARSE) {
    *time = (struct timespec){.tv_sec = 1};
    return 0;
  }
  return (int)syscall(SYS_clock_gettime, clock, time);
}
