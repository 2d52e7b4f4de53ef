// What Glibc's Swift overlay leaves out: epoll, eventfd, accept4 and friends.
//
// _GNU_SOURCE is not defined here: it turns the address arguments of the socket calls into unions that Swift cannot fill from a
// pointer. The few GNU calls that are needed are declared by hand or wrapped in clinux.c.
#pragma once
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
int pipe2(int ends[2], int flags);

/// A file in memory that is closed at an exec, and that nobody can run (memfd_create(2)).
int clinux_memory_file(const char *name);

/// All descriptors from `first` on are closed at an exec (close_range(2)). Returns -1 with errno where that is not to be had.
int clinux_close_at_exec(int first) __attribute__((swift_name("clinux_close_at_exec(from:)")));

/// From here on nobody changes it (fcntl(2), F_ADD_SEALS).
int clinux_seal(int file);

/// An argument of this process, with index 0 its name; NULL beyond the last. As the kernel passed it, without /proc.
const char *clinux_argument(int index);

/// Opens those of descriptors 0 to 2 that are closed, so that no socket gets their number and is written to as a standard stream.
void clinux_occupy_standard_descriptors(void);

/// The number of CPUs this process may run on (sched_getaffinity(2)), at least 1.
int clinux_usable_cpus(void);

/// Names the calling thread, for ps(1) and debuggers; the kernel keeps 15 bytes.
void clinux_name_thread(const char *name);

/// A number that tells the calling thread from all others that live: what pthread_self(3) is made from, without the call.
static inline unsigned long clinux_thread(void) { return (unsigned long)__builtin_thread_pointer(); }

/// When the kernel's clock last ticked (CLOCK_MONOTONIC_COARSE), in nanoseconds: a third of the price of the processor's counter.
static inline int64_t clinux_last_tick(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/// A pointer that each thread has for itself, NULL at first.
extern _Thread_local void *clinux_thread_pointer;
static inline void *clinux_local(void) { return clinux_thread_pointer; }
static inline void clinux_set_local(void *pointer) { clinux_thread_pointer = pointer; }

/// accept4(2), recv(2), send(2) with MSG_NOSIGNAL, and epoll_wait(2), which are no cancellation points here.
int clinux_accept4(int socket, struct sockaddr *address, socklen_t *length, int flags);
ssize_t clinux_recv(int socket, void *bytes, size_t count);
ssize_t clinux_send(int socket, const void *bytes, size_t count);
int clinux_epoll_wait(int epoll, struct epoll_event *events, int count, int milliseconds);

/// epoll_wait(2) with a time limit in nanoseconds, where the kernel knows it; in milliseconds otherwise, rounded up.
int clinux_epoll_wait_precisely(int epoll, struct epoll_event *events, int count, int64_t nanoseconds);

/// SO_PEERCRED of a UNIX socket, whose structure Swift does not see. Returns -1 with errno where there is none.
int clinux_peer_credentials(int socket, pid_t *pid, uint32_t *uid, uint32_t *gid);

/// Lets the calling thread's waits end when they are due and not up to 50 microseconds later, as the kernel does to save power.
void clinux_precise_timers(void);

/// fork(2), which Swift does not offer: for a process that has one thread only.
pid_t clinux_fork(void);

/// Whether processes further down that lose their parent become children of this one (PR_SET_CHILD_SUBREAPER).
int clinux_is_subreaper(void);

/// Has the kernel send this signal when the thread that forked this process ends.
void clinux_end_with_parent(int signal);

/// Closes this descriptor and all above it.
void clinux_close_from(int first);
