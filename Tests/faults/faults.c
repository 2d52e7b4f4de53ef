// Preloaded into zinxd (LD_PRELOAD): lets system calls fail as a test asks, and counts how often they did.
//
// The test and the daemon share a page, the file that $ZINX_FAULTS names: one rule for each kind of call, which the test sets and
// clears while the daemon runs. faults.py is the other side, and has the same lists in the same order. Without the file nothing
// fails.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// A kind of call: some calls are told apart by what the daemon uses them for.
enum kind {
  ACCEPT,     // accept4
  RECV,       // recv from a TCP peer
  SEND,       // send to a TCP peer
  JOURNAL,    // send and sendmsg to journald
  NOTIFY,     // sendto the service manager
  EPOLL_ADD,  // epoll_ctl that adds a TCP socket: libdispatch has an epoll too
  EPOLL_WAIT,
  CLOSE,      // closes, and then reports the error, as close(2) does
  BAD_CLOSE,  // never fails; counts closes of what was not open
  OPEN,       // open of zinx.json
  READ,       // read of zinx.json
  WRITE,      // write to standard error
  WAKE,       // write to anything else: eventfds
  SOCKET,
  CONNECT,
  THREAD,     // pthread_create while the process has `limit` threads
  CLOCK,      // reads of the time of day; they never fail, `error` seconds are added
  RESOLVE,    // getaddrinfo of a name; it never fails, but takes `limit` milliseconds
  CHILD,      // getaddrinfo of a name; it forks, and `injected` counts the children of which it got the status itself
  EXIT,       // exit(3), which never fails
  KINDS,
};

struct rule {
  uint64_t left;      // calls that are still to be struck, 0 for none
  uint64_t every;     // of these calls each `every`th is struck
  uint64_t skip;      // after so many
  int64_t error;      // errno of a struck call; 0: it is shortened instead
  uint64_t limit;     // bytes that a shortened call takes; 0: any number, chosen by `seen`
  uint64_t seen;      // calls since the rule was set
  uint64_t calls;     // calls since the start
  uint64_t injected;  // calls that were struck since the start
};

static struct rule none[KINDS];
static struct rule *rules = none;

__attribute__((constructor)) static void attach(void) {
  const char *path = getenv("ZINX_FAULTS");
  int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (file < 0) return;
  void *page = mmap(NULL, sizeof none, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (page != MAP_FAILED) rules = page;
  close(file);
}

// The function that the program would have called. Threads that are the first at once find the same.
#define NEXT(call)                                            \
  ({                                                          \
    static __typeof__(&call) next;                            \
    if (!next) next = (__typeof__(&call))dlsym(RTLD_NEXT, #call); \
    next;                                                     \
  })

#define ADD(field, amount) __atomic_fetch_add(&(field), amount, __ATOMIC_SEQ_CST)
#define LOAD(field) __atomic_load_n(&(field), __ATOMIC_SEQ_CST)

// Counts a call, and says whether it is struck.
static bool struck(enum kind kind) {
  struct rule *rule = &rules[kind];
  ADD(rule->calls, 1);
  uint64_t left = LOAD(rule->left);
  if (left == 0) return false;
  uint64_t turn = ADD(rule->seen, 1);
  if (turn < rule->skip || (turn - rule->skip) % rule->every != 0) return false;
  while (!__atomic_compare_exchange_n(&rule->left, &left, left - 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
    if (left == 0) return false;
  ADD(rule->injected, 1);
  return true;
}

// Whether a call fails; `errno` is set then.
static bool fails(enum kind kind) {
  if (!struck(kind)) return false;
  errno = (int)rules[kind].error;
  return true;
}

// The same for a call that moves bytes: it may be shortened as well.
static bool fails_or_shortens(enum kind kind, size_t *count) {
  if (!struck(kind)) return false;
  if (rules[kind].error != 0) {
    errno = (int)rules[kind].error;
    return true;
  }
  // The number of the call, mixed: any length, and the same one in each run (the constant is that of a golden ratio hash).
  uint64_t limit = rules[kind].limit;
  if (limit == 0 && *count > 0) limit = 1 + ((LOAD(rules[kind].seen) * 0x9e3779b97f4a7c15) >> 32) % *count;
  if (*count > limit) *count = limit;
  return false;
}

static bool is_internet(int socket) {
  int domain = 0;
  socklen_t length = sizeof domain;
  return getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && (domain == AF_INET || domain == AF_INET6);
}

// Sockets

// What each descriptor was last registered for, by the event loop that also receives from it.
static struct {
  int epoll;
  struct epoll_event event;
} registered[1 << 16];

static bool is_remembered(int descriptor) { return descriptor >= 0 && (size_t)descriptor < sizeof registered / sizeof *registered; }

// A recv that the kernel cuts short has taken all there was (epoll(7)). So the rest comes a moment later, with an event of its own.
static long receive_part(int socket, void *bytes, size_t count, int flags) {
  long taken = NEXT(syscall)(SYS_recvfrom, socket, bytes, count, flags, NULL, NULL);
  int error = errno;
  if (taken == (long)count && is_remembered(socket))
    NEXT(epoll_ctl)(registered[socket].epoll, EPOLL_CTL_MOD, socket, &registered[socket].event);
  errno = error;
  return taken;
}

// The calls of the message path, which go past the C library's functions for them. For recvfrom(2) and sendto(2), `c` is the number
// of bytes.
long syscall(long number, ...) {
  va_list more;
  va_start(more, number);
  long a = va_arg(more, long), b = va_arg(more, long), c = va_arg(more, long);
  long d = va_arg(more, long), e = va_arg(more, long), f = va_arg(more, long);
  va_end(more);
  switch (number) {
    case SYS_accept4:
      if (fails(ACCEPT)) return -1;
      break;
    case SYS_recvfrom: {
      long wanted = c;
      if (is_internet((int)a) && fails_or_shortens(RECV, (size_t *)&c)) return -1;
      if (c < wanted) return receive_part((int)a, (void *)b, (size_t)c, (int)d);
      break;
    }
    case SYS_sendto:
      if (is_internet((int)a) && fails_or_shortens(SEND, (size_t *)&c)) return -1;
      break;
    case SYS_epoll_pwait:
      if (fails(EPOLL_WAIT)) return -1;
      break;
  }
  return NEXT(syscall)(number, a, b, c, d, e, f);
}

ssize_t send(int socket, const void *bytes, size_t count, int flags) {
  return fails(JOURNAL) ? -1 : NEXT(send)(socket, bytes, count, flags);
}

ssize_t sendmsg(int socket, const struct msghdr *message, int flags) {
  return fails(JOURNAL) ? -1 : NEXT(sendmsg)(socket, message, flags);
}

ssize_t sendto(int socket, const void *bytes, size_t count, int flags, const struct sockaddr *address, socklen_t length) {
  return fails(NOTIFY) ? -1 : NEXT(sendto)(socket, bytes, count, flags, address, length);
}

int socket(int domain, int type, int protocol) { return fails(SOCKET) ? -1 : NEXT(socket)(domain, type, protocol); }

// A test stands in for journald, at the path in $ZINX_FAULTS_JOURNAL.
int connect(int socket, const struct sockaddr *address, socklen_t length) {
  if (fails(CONNECT)) return -1;
  const char *journal = getenv("ZINX_FAULTS_JOURNAL");
  struct sockaddr_un other = {.sun_family = AF_UNIX};
  const struct sockaddr_un *wanted = (const struct sockaddr_un *)address;
  if (journal && wanted->sun_family == AF_UNIX && strcmp(wanted->sun_path, "/run/systemd/journal/socket") == 0) {
    strncpy(other.sun_path, journal, sizeof other.sun_path - 1);
    return NEXT(connect)(socket, (struct sockaddr *)&other, sizeof other);
  }
  return NEXT(connect)(socket, address, length);
}

// The event loop

int epoll_ctl(int epoll, int operation, int descriptor, struct epoll_event *event) {
  if (operation == EPOLL_CTL_ADD && is_internet(descriptor) && fails(EPOLL_ADD)) return -1;
  if (operation != EPOLL_CTL_DEL && is_remembered(descriptor)) {
    registered[descriptor].epoll = epoll;
    registered[descriptor].event = *event;
  }
  return NEXT(epoll_ctl)(epoll, operation, descriptor, event);
}

static uint64_t threads(void) {
  struct stat tasks;
  // A directory has a link for itself, its parent and each directory in it.
  return stat("/proc/self/task", &tasks) == 0 ? tasks.st_nlink - 2 : 0;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument) {
  if (threads() >= rules[THREAD].limit && struck(THREAD)) return (int)rules[THREAD].error;
  return NEXT(pthread_create)(thread, attributes, start, argument);
}

// Files

// The descriptor of zinx.json while it is open: one at a time.
static int configuration = -1;

static bool is_configuration(const char *path) {
  size_t length = strlen(path), name = strlen("zinx.json");
  return length >= name && strcmp(path + length - name, "zinx.json") == 0;
}

int open(const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
  va_end(more);
  bool ours = is_configuration(path);
  if (ours && fails(OPEN)) return -1;
  int file = NEXT(open)(path, flags, mode);
  if (ours) configuration = file;
  return file;
}

ssize_t read(int file, void *bytes, size_t count) {
  if (file >= 0 && file == configuration && fails_or_shortens(READ, &count)) return -1;
  return NEXT(read)(file, bytes, count);
}

ssize_t write(int file, const void *bytes, size_t count) {
  if (file == STDERR_FILENO ? fails_or_shortens(WRITE, &count) : fails(WAKE)) return -1;
  return NEXT(write)(file, bytes, count);
}

int close(int file) {
  if (file == configuration) configuration = -1;
  int status = NEXT(close)(file);
  if (status != 0) ADD(rules[BAD_CLOSE].calls, 1);
  return fails(CLOSE) ? -1 : status;
}

// The time of day. What else there is of it in glibc, the daemon and its libraries do not use.

static time_t offset(void) {
  ADD(rules[CLOCK].calls, 1);
  return (time_t)LOAD(rules[CLOCK].error);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int status = NEXT(clock_gettime)(clock, now);
  if (status == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += offset();
  return status;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  int status = NEXT(gettimeofday)(now, zone);
  if (status == 0) now->tv_sec += offset();
  return status;
}

time_t time(time_t *now) {
  time_t value = NEXT(time)(NULL) + offset();
  if (now) *now = value;
  return value;
}

// Names and children

static void pause_for(uint64_t milliseconds) {
  struct timespec rest = {.tv_sec = (time_t)(milliseconds / 1000), .tv_nsec = (long)(milliseconds % 1000) * 1000000};
  while (nanosleep(&rest, &rest) != 0 && errno == EINTR) {}
}

// As a plugin may: a child that somebody waits for, though not at once, and whose own child loses its parent.
static bool waits_for_child(void) {
  pid_t child = fork();
  if (child == 0) {
    if (fork() == 0) pause_for(100);
    _exit(7);
  }
  siginfo_t information;
  while (waitid(P_PID, (id_t)child, &information, WEXITED | WNOWAIT) != 0 && errno == EINTR) {}
  pause_for(300);
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7;
}

int getaddrinfo(const char *restrict host, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict list) {
  // An address needs nobody to be asked.
  if (!hints || !(hints->ai_flags & AI_NUMERICHOST)) {
    if (struck(RESOLVE)) pause_for(rules[RESOLVE].limit);
    if (LOAD(rules[CHILD].left) > 0 && waits_for_child()) struck(CHILD);
  }
  return NEXT(getaddrinfo)(host, service, hints, list);
}

_Noreturn void exit(int status) {
  ADD(rules[EXIT].calls, 1);
  NEXT(exit)(status);
  abort();
}
