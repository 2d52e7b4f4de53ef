#define _GNU_SOURCE
#include <sched.h>
#include <sys/prctl.h>

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
