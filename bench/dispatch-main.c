// dispatch_main that keeps the main thread. Loaded before zinxd by `guards`, and by nothing else: libdispatch's own ends the main thread,
// which valgrind takes for the end of the process, and crashes. What runs on the main queue is the same.

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

// What libdispatch offers those who run the main queue in a loop of their own, such as CFRunLoop.
extern int _dispatch_get_main_queue_handle_4CF(void);
extern void _dispatch_main_queue_callback_4CF(void *);

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
