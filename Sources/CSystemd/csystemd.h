// libsystemd as Swift can call it. Its variadic functions cannot be imported; the ones used here are not variadic.
//
// Below it, what talking to systemd and journald needs and Glibc's Swift overlay leaves out. _GNU_SOURCE is not defined, since it
// turns the address arguments of the socket calls into unions that Swift cannot fill from a pointer; the GNU calls are declared
// by hand instead.
#pragma once
#include <fcntl.h>
#include <linux/memfd.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

int memfd_create(const char *name, unsigned int flags);
int pthread_setname_np(pthread_t thread, const char *name);
int sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *deadline);

/// A new memory file that can be sealed. A descriptor, or -1 and errno.
static inline int csystemd_memfd(void) { return memfd_create("journal-entry", MFD_CLOEXEC | MFD_ALLOW_SEALING); }

/// Forbids every later change of a memory file (F_ADD_SEALS: SEAL, SHRINK, GROW, WRITE): journald reads no other. 0, or -1 and
/// errno.
static inline int csystemd_seal(int descriptor) { return fcntl(descriptor, 1024 + 9, 1 | 2 | 4 | 8); }

/// Sends an open descriptor as SCM_RIGHTS in a datagram without data, never blocking. 0, or -1 and errno.
static inline int csystemd_send_descriptor(int socket, int descriptor) {
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
  memset(&control, 0, sizeof control);
  struct msghdr message = {.msg_control = &control, .msg_controllen = sizeof control};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -1 : 0;
}
