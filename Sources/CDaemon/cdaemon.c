#define _GNU_SOURCE
#include "cdaemon.h"

#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(number) (UINT64_C(1) << ((number) - 1))
#define HELD (BIT(SIGTERM) | BIT(SIGINT) | BIT(SIGQUIT) | BIT(SIGHUP) | BIT(SIGUSR1) | BIT(SIGUSR2))

uint64_t cdaemon_held_signals(void) { return HELD; }

#if defined(__GLIBC__) && defined(__linux__)
// Tests are a program that links the daemon and is none: there Ctrl-C is to do what it always does.
__attribute__((no_sanitize("address", "thread"))) static int is_test(const char *name) {
  static const char suffix[] = ".xctest";
  size_t length = 0;
  while (name[length] != 0) length++;
  if (length < sizeof(suffix) - 1) return 0;
  for (size_t index = 0; index < sizeof(suffix) - 1; index++)
    if (name[length - (sizeof(suffix) - 1) + index] != suffix[index]) return 0;
  return 1;
}

// Runs before the constructors of all libraries, of which Swift's runtime has SIGQUIT write a backtrace, which takes seconds and looks like a
// crash; and before sanitizers have begun, hence no function of theirs. Until Signals.take() has a handler for them, signals wait.
__attribute__((no_sanitize("address", "thread"))) static void hold_signals(int count, char **arguments, char **environment) {
  (void)environment;
  if (count > 0 && is_test(arguments[0])) return;
  uint64_t held = HELD;
  syscall(SYS_rt_sigprocmask, SIG_BLOCK, &held, NULL, sizeof(held));
}

__attribute__((section(".preinit_array"), used)) static void (*const first)(int, char **, char **) = hold_signals;
#endif
