#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clinux_usable_cpus(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  int count = CPU_COUNT(&set);
  return count > 0 ? count : 1;
}

void clinux_name_thread(const char *name) {
  // Unlike pthread_setname_np(3) this cuts a name that is too long.
  prctl(PR_SET_NAME, name);
}

int clinux_epoll_wait(int epoll, struct epoll_event *events, int count, int64_t nanoseconds) {
#if defined SYS_epoll_pwait2 && __SIZEOF_LONG__ == 8
  // Not through the C library: that has it from glibc 2.35 on only.
  struct timespec limit = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
  int ready = (int)syscall(SYS_epoll_pwait2, epoll, events, count, &limit, NULL, 0);
  if (ready >= 0 || errno != ENOSYS) return ready;
#endif
  int64_t milliseconds = nanoseconds / 1000000 + (nanoseconds % 1000000 != 0);
  return epoll_wait(epoll, events, count, milliseconds > INT32_MAX ? INT32_MAX : (int)milliseconds);
}

void clinux_precise_timers(void) { prctl(PR_SET_TIMERSLACK, 1UL); }
