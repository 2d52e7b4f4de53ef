#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Thread_local void *clinux_thread_pointer;

static int argument_count;
static char **arguments;

#ifdef __GLIBC__
// This C library hands them to every constructor.
__attribute__((constructor)) static void keep_arguments(int count, char **values) {
  argument_count = count;
  arguments = values;
}
#endif

const char *clinux_argument(int index) { return index < argument_count ? arguments[index] : NULL; }

void clinux_occupy_standard_descriptors(void) {
  for (int number = 0; number <= 2; number++) {
    // Reading and writing fail as they do on a closed descriptor.
    if (fcntl(number, F_GETFD) < 0 && errno == EBADF) open("/", O_PATH);
  }
}

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

// The calls of the message path, past the C library: there they are cancellation points (pthreads(7)), which in a process with
// threads takes two locked instructions each, a hundredth of a short connection in all. No thread of ours is ever cancelled.
// Sanitizers watch what the library's calls read and write, so these have them.

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)

int clinux_accept4(int socket, struct sockaddr *address, socklen_t *length, int flags) {
  return accept4(socket, address, length, flags);
}
ssize_t clinux_recv(int socket, void *bytes, size_t count) { return recv(socket, bytes, count, 0); }
ssize_t clinux_send(int socket, const void *bytes, size_t count) { return send(socket, bytes, count, MSG_NOSIGNAL); }
int clinux_epoll_wait(int epoll, struct epoll_event *events, int count, int milliseconds) {
  return epoll_wait(epoll, events, count, milliseconds);
}

#else

int clinux_accept4(int socket, struct sockaddr *address, socklen_t *length, int flags) {
  return (int)syscall(SYS_accept4, socket, address, length, flags);
}
ssize_t clinux_recv(int socket, void *bytes, size_t count) { return syscall(SYS_recvfrom, socket, bytes, count, 0, NULL, NULL); }
ssize_t clinux_send(int socket, const void *bytes, size_t count) {
  return syscall(SYS_sendto, socket, bytes, count, MSG_NOSIGNAL, NULL, 0);
}
int clinux_epoll_wait(int epoll, struct epoll_event *events, int count, int milliseconds) {
  // epoll_wait(2) itself is not there on newer architectures.
  return (int)syscall(SYS_epoll_pwait, epoll, events, count, milliseconds, NULL, 0);
}

#endif

int clinux_epoll_wait_precisely(int epoll, struct epoll_event *events, int count, int64_t nanoseconds) {
#if defined SYS_epoll_pwait2 && __SIZEOF_LONG__ == 8
  // Not through the C library: that has it from glibc 2.35 on only.
  struct timespec limit = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
  int ready = (int)syscall(SYS_epoll_pwait2, epoll, events, count, &limit, NULL, 0);
  if (ready >= 0 || errno != ENOSYS) return ready;
#endif
  int64_t milliseconds = nanoseconds / 1000000 + (nanoseconds % 1000000 != 0);
  return epoll_wait(epoll, events, count, milliseconds > INT32_MAX ? INT32_MAX : (int)milliseconds);
}

int clinux_peer_credentials(int socket, pid_t *pid, uint32_t *uid, uint32_t *gid) {
  struct ucred credentials;
  socklen_t length = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return -1;
  *pid = credentials.pid;
  *uid = credentials.uid;
  *gid = credentials.gid;
  return 0;
}

void clinux_precise_timers(void) { prctl(PR_SET_TIMERSLACK, 1UL); }

pid_t clinux_fork(void) { return fork(); }

int clinux_is_subreaper(void) {
  int is = 0;
  return prctl(PR_GET_CHILD_SUBREAPER, &is) == 0 && is;
}

void clinux_end_with_parent(int signal) { prctl(PR_SET_PDEATHSIG, (unsigned long)signal); }

void clinux_close_from(int first) { syscall(SYS_close_range, (unsigned)first, ~0U, 0); }

int clinux_close_at_exec(int first) {
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4U
#endif
  return (int)syscall(SYS_close_range, (unsigned)first, ~0U, CLOSE_RANGE_CLOEXEC);
}

int clinux_memory_file(const char *name) {
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
  int file = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
  // Older kernels do not know it.
  return file < 0 && errno == EINVAL ? memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING) : file;
}

int clinux_seal(int file) { return fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL); }
