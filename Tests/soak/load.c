// Load at rates that Python cannot keep, against 127.0.0.1:PORT, header ltv-le. One thread.
//
//   load good  PORT CONNECTIONS RATE SECONDS   one "ping" at a time and connection, RATE in all a second, each at its due time; prints
//                                              answers, errors, and latency from when a request was due (coordinated omission counts)
//   load storm PORT 0 RATE SECONDS             connects at a rate and closes when refused; prints how many were made and refused
//   load loris PORT CONNECTIONS RATE SECONDS   holds connections and sends RATE single bytes a second in all, never a whole frame
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { header = 8, greeting = 8 + 21, pong = 8 + 18, limit = 1 << 16 };

struct peer {
  int fd;
  int got;        // bytes of the answer that is due
  int want;       // 0: nothing is due
  double due;
};

static struct peer peers[limit];
static uint32_t *latencies;  // microseconds
static size_t answers, errors, refused, made;
static int poll_fd, port;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec * 1e-9;
}

// Waits for events until a time and not beyond, asleep: one that spins would take the processor from the others.
static int wait_until(double time, struct epoll_event *events) {
  double rest = time - now();
  if (rest < 0) rest = 0;
  struct timespec timeout = {.tv_sec = (time_t)rest, .tv_nsec = (long)((rest - (time_t)rest) * 1e9)};
  return epoll_pwait2(poll_fd, events, 512, &timeout, NULL);
}

static int open_one(int number) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
  if (fd < 0) return -1;
  // One source address has 28 000 ports, and a connection that is closed keeps its own for a while.
  struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f010001 + number % 200)};
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (bind(fd, (void *)&from, sizeof from) != 0 || (connect(fd, (void *)&to, sizeof to) != 0 && errno != EINPROGRESS)) {
    close(fd);
    return -1;
  }
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event);
  return fd;
}

static void ask(struct peer *peer, double due) {
  static const char ping[header + 4] = {4, 0, 0, 0, 0, 0, 0, 0, 'p', 'i', 'n', 'g'};
  peer->want = pong, peer->got = 0, peer->due = due;
  if (send(peer->fd, ping, sizeof ping, MSG_NOSIGNAL) != sizeof ping) errors++;
}

// Takes bytes; returns whether an answer is whole. A connection that ends is an error, and is not asked again.
static int take(struct peer *peer) {
  char bytes[512];
  ssize_t count = recv(peer->fd, bytes, sizeof bytes, 0);
  if (count < 0 && errno == EAGAIN) return 0;
  if (count <= 0) {
    errors++;
    close(peer->fd);
    peer->fd = -1;
    return 0;
  }
  peer->got += count;
  return peer->got >= peer->want;
}

static int by_value(const void *left, const void *right) {
  uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
  return (a > b) - (a < b);
}

static void connect_all(int count) {
  struct epoll_event events[512];
  for (int begun = 0, greeted = 0; greeted < count;) {
    for (int burst = 0; begun < count && begun - greeted < 500 && burst < 500; burst++, begun++) {
      peers[begun] = (struct peer){.fd = open_one(begun), .want = greeting};
      if (peers[begun].fd < 0) exit(2);
    }
    int ready = epoll_wait(poll_fd, events, 512, 10000);
    if (ready <= 0) exit(3);
    for (int index = 0; index < ready; index++) {
      struct peer *peer = &peers[events[index].data.u32];
      if (take(peer)) peer->want = 0, greeted++;
      if (peer->fd < 0) exit(4);
    }
  }
}

static void good(int count, double rate, double seconds) {
  struct epoll_event events[512];
  connect_all(count);
  fprintf(stderr, "ready\n");
  latencies = malloc(sizeof *latencies * (size_t)(rate * seconds + 1));
  double begin = now(), time;
  size_t begun = 0, all = (size_t)(rate * seconds);
  while (answers + errors < all && (time = now()) < begin + seconds + 20) {
    // The peers take turns. One that has no answer yet holds up those behind it: their requests are late from when they were due.
    while (begun < all && begin + begun / rate <= time) {
      struct peer *peer = &peers[begun % count];
      if (peer->fd >= 0 && peer->want) break;
      if (peer->fd < 0) errors++; else ask(peer, begin + begun / rate);
      begun++;
    }
    // The next may be due and its peer still be waited for.
    double next = begin + begun / rate;
    int ready = wait_until(begun < all && next > now() ? next : now() + 0.01, events);
    time = now();
    for (int index = 0; index < ready; index++) {
      struct peer *peer = &peers[events[index].data.u32];
      if (peer->fd < 0 || !take(peer)) continue;
      peer->want = 0;
      latencies[answers++] = (uint32_t)((time - peer->due) * 1e6);
    }
  }
  if (!answers) exit(5);
  qsort(latencies, answers, sizeof *latencies, by_value);
  printf(
    "{\"answers\": %zu, \"asked\": %zu, \"errors\": %zu, \"p50\": %u, \"p99\": %u, \"p999\": %u, \"max\": %u}\n", answers, all, errors,
    latencies[answers / 2], latencies[answers / 100 * 99], latencies[answers / 1000 * 999], latencies[answers - 1]);
}

static void storm(double rate, double seconds) {
  struct epoll_event events[512];
  int free_peers[limit], free_count = 0, most = 4000;
  for (int number = 0; number < most; number++) free_peers[free_count++] = number;
  fprintf(stderr, "ready\n");
  double begin = now(), time;
  for (size_t begun = 0; (time = now()) < begin + seconds;) {
    for (; begin + begun / rate <= time && free_count > 0; begun++) {
      int number = free_peers[--free_count];
      peers[number].fd = open_one(number);
      if (peers[number].fd < 0) errors++, free_peers[free_count++] = number; else made++;
    }
    int ready = wait_until(free_count > 0 ? begin + begun / rate : now() + 0.001, events);
    for (int index = 0; index < ready; index++) {
      struct peer *peer = &peers[events[index].data.u32];
      char bytes[512];
      // Let in after all, and greeted: not what a storm is for.
      if (recv(peer->fd, bytes, sizeof bytes, 0) > 0) errors++; else refused++;
      close(peer->fd);
      free_peers[free_count++] = events[index].data.u32;
    }
  }
  printf("{\"made\": %zu, \"refused\": %zu, \"errors\": %zu, \"rate\": %.0f}\n", made, refused, errors, made / (now() - begin));
}

// A frame of 4000 bytes, one byte of it at a time.
static void loris(int count, double rate, double seconds) {
  static const char head[header] = {(char)0xa0, 0x0f, 0, 0, 3, 0, 0, 0};
  static uint32_t sent[limit];
  struct epoll_event events[512];
  connect_all(count);
  fprintf(stderr, "ready\n");
  double begin = now(), time;
  size_t bytes = 0;
  for (size_t begun = 0; (time = now()) < begin + seconds;) {
    for (; begin + begun / rate <= time; begun++) {
      int number = begun % count;
      if (peers[number].fd < 0) continue;
      uint32_t at = sent[number] % 4000;
      if (send(peers[number].fd, at < header ? &head[at] : "x", 1, MSG_NOSIGNAL) == 1) sent[number]++, bytes++;
    }
    int ready = wait_until(begin + begun / rate, events);
    for (int index = 0; index < ready; index++) {
      struct peer *peer = &peers[events[index].data.u32];
      peer->want = limit;
      take(peer);
    }
  }
  printf("{\"bytes\": %zu, \"closed by the daemon\": %zu}\n", bytes, errors);
}

int main(int count, char **words) {
  if (count != 6) return 64;
  int connections = atoi(words[3]);
  double rate = atof(words[4]), seconds = atof(words[5]);
  port = atoi(words[2]);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  if (connections < 0 || connections > limit - 1) return 64;
  poll_fd = epoll_create1(0);
  if (!strcmp(words[1], "good")) good(connections, rate, seconds);
  else if (!strcmp(words[1], "storm")) storm(rate, seconds);
  else if (!strcmp(words[1], "loris")) loris(connections, rate, seconds);
  else return 64;
}
