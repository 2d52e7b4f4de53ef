#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>

int clinux_usable_cpus(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  int count = CPU_COUNT(&set);
  return count > 0 ? count : 1;
}

void clinux_name_thread(const char *name) {
  pthread_setname_np(pthread_self(), name);
}
