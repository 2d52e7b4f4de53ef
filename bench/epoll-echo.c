// The practical limit of one thread with epoll(7): what zinxd is measured against.
//
// Echoes messages of the default order (length and id, little-endian) and does nothing else: for every wake-up of a connection one
// read, and one write with all the replies to it. No limits, no log, no plugins.
//
//   epoll-echo PORT
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  header_size = 8,
  most_data = 1 << 20,      // in one message; a longer one ends its connection
  read_size = 256 << 10,    // of one read at most
  events_per_wait = 512,
  accepts_per_wake_up = 64,
};

// Bytes that wait: for the rest of their message, or for room in the socket. Holds memory only while there are any.
struct bytes {
  uint8_t *start;
  size_t count;
};

struct connection {
  int socket;
  struct bytes unfinished;
  struct bytes unsent;
};

// Shared by all connections: what one of them keeps beyond its wake-up is copied into its own.
static uint8_t input[header_size + most_data + read_size];
static uint8_t output[sizeof input];

static void fail(const char *call) {
  perror(call);
  exit(EXIT_FAILURE);
}

static void clear(struct bytes *bytes) {
  free(bytes->start);
  *bytes = (struct bytes){0};
}

// Makes `bytes` a copy of these. They may lie in what `bytes` holds.
static void keep(struct bytes *bytes, const uint8_t *start, size_t count) {
  uint8_t *copy = NULL;
  if (count > 0) {
    copy = malloc(count);
    if (copy == NULL) fail("malloc");
    memcpy(copy, start, count);
  }
  free(bytes->start);
  *bytes = (struct bytes){copy, count};
}

static void end(struct connection *connection) {
  close(connection->socket);
  clear(&connection->unfinished);
  clear(&connection->unsent);
  free(connection);
}

static void wait_for(int epoll, struct connection *connection, int operation, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = connection};
  if (epoll_ctl(epoll, operation, connection->socket, &event) != 0) fail("epoll_ctl");
}

static int listen_on(int port) {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0) fail("bind");
  if (listen(listener, SOMAXCONN) != 0) fail("listen");
  return listener;
}

static void accept_some(int epoll, int listener) {
  for (int i = 0; i < accepts_per_wake_up; i++) {
    int socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket < 0) return;
    int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) fail("calloc");
    connection->socket = socket;
    wait_for(epoll, connection, EPOLL_CTL_ADD, EPOLLIN);
  }
}

// Composes the replies to the whole messages at the front. Their bytes, or -1 if a message is too long. The copy is not needed to echo,
// but is what any other answer takes.
static ssize_t reply(const uint8_t *start, size_t count) {
  size_t whole = 0;
  while (count - whole >= header_size) {
    uint32_t raw;
    memcpy(&raw, start + whole, sizeof raw);
    uint32_t length = le32toh(raw);
    if (length > most_data) return -1;
    if (count - whole < header_size + length) break;
    memcpy(output + whole, start + whole, header_size + length);
    whole += header_size + length;
  }
  return (ssize_t)whole;
}

// Whether the connection goes on. What the socket has no room for waits, and nothing is read until it has left.
static bool send_all(int epoll, struct connection *connection, const uint8_t *start, size_t count) {
  bool waited = connection->unsent.count > 0;
  ssize_t sent = send(connection->socket, start, count, MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno != EAGAIN && errno != EINTR) return false;
    sent = 0;
  }
  keep(&connection->unsent, start + sent, count - (size_t)sent);
  bool waits = connection->unsent.count > 0;
  if (waits != waited) wait_for(epoll, connection, EPOLL_CTL_MOD, waits ? EPOLLOUT : EPOLLIN);
  return true;
}

// Whether the connection goes on.
static bool receive(int epoll, struct connection *connection) {
  size_t count = connection->unfinished.count;
  if (count > 0) memcpy(input, connection->unfinished.start, count);
  ssize_t received = recv(connection->socket, input + count, read_size, 0);
  if (received <= 0) return received < 0 && (errno == EAGAIN || errno == EINTR);
  count += (size_t)received;
  ssize_t whole = reply(input, count);
  if (whole < 0) return false;
  keep(&connection->unfinished, input + whole, count - (size_t)whole);
  return whole == 0 || send_all(epoll, connection, output, (size_t)whole);
}

int main(int count, char **arguments) {
  int port = count == 2 ? atoi(arguments[1]) : 0;
  if (port < 1 || port > 65535) {
    fprintf(stderr, "usage: epoll-echo PORT\n");
    return 64;
  }
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  int listener = listen_on(port);
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[events_per_wait];
  if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0) fail("epoll");
  for (;;) {
    int ready = epoll_wait(epoll, events, events_per_wait, -1);
    for (int i = 0; i < ready; i++) {
      struct connection *connection = events[i].data.ptr;
      if (connection == NULL) {
        accept_some(epoll, listener);
        continue;
      }
      bool goes_on = connection->unsent.count > 0
                         ? send_all(epoll, connection, connection->unsent.start, connection->unsent.count)
                         : receive(epoll, connection);
      if (!goes_on) end(connection);
    }
  }
}
