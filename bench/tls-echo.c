// The practical limit of one thread with epoll(7) and OpenSSL: what TLS in zinxd is measured against.
//
// Echoes messages of the default order (length and id, little-endian) and does nothing else, as epoll-echo.c does: for every wake-up of a
// connection what there is to read, and one write with all the replies to it. No limits, no log, no plugins.
//
//   tls-echo PORT CERTIFICATE KEY
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <endian.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
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

enum { header_size = 8, most_data = 1 << 20, input_size = 2 << 20, events_per_wait = 512, accepts_per_wake_up = 64 };

struct connection {
  SSL *session;
  int socket;
  bool is_in;
  // Bytes that wait: for the rest of their message, or for room in the socket.
  uint8_t *unfinished, *unsent;
  size_t unfinished_count, unsent_count;
};

static uint8_t input[input_size];

static void fail(const char *call) {
  perror(call);
  exit(EXIT_FAILURE);
}

static void keep(uint8_t **bytes, size_t *count, const uint8_t *start, size_t size) {
  uint8_t *copy = size > 0 ? malloc(size) : NULL;
  if (size > 0 && copy == NULL) fail("malloc");
  if (size > 0) memcpy(copy, start, size);
  free(*bytes);
  *bytes = copy, *count = size;
}

static void end(struct connection *connection) {
  SSL_shutdown(connection->session);
  SSL_free(connection->session);
  close(connection->socket);
  free(connection->unfinished);
  free(connection->unsent);
  free(connection);
}

static SSL_CTX *context(const char *certificate, const char *key) {
  SSL_CTX *made = SSL_CTX_new(TLS_server_method());
  if (made == NULL || SSL_CTX_use_certificate_chain_file(made, certificate) != 1 ||
      SSL_CTX_use_PrivateKey_file(made, key, SSL_FILETYPE_PEM) != 1)
    fail("certificate");
  SSL_CTX_set_mode(made, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(made, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_id_context(made, (const uint8_t *)"echo", 4);
  SSL_CTX_set_num_tickets(made, 1);
  // One read of the kernel for as many records as there are.
  SSL_CTX_set_read_ahead(made, 1);
  return made;
}

static int listen_on(int port) {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0) fail("bind");
  if (listen(listener, SOMAXCONN) != 0) fail("listen");
  return listener;
}

static void accept_some(int epoll, int listener, SSL_CTX *context) {
  for (int i = 0; i < accepts_per_wake_up; i++) {
    int socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
    if (socket < 0) return;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL || (connection->session = SSL_new(context)) == NULL) fail("SSL_new");
    connection->socket = socket;
    SSL_set_fd(connection->session, socket);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event) != 0) fail("epoll_ctl");
  }
}

// Bytes of the whole messages at the front, or -1 if one is too long.
static ssize_t whole(const uint8_t *start, size_t count) {
  size_t done = 0;
  while (count - done >= header_size) {
    uint32_t raw;
    memcpy(&raw, start + done, sizeof raw);
    if (le32toh(raw) > most_data) return -1;
    if (count - done < header_size + le32toh(raw)) break;
    done += header_size + le32toh(raw);
  }
  return (ssize_t)done;
}

// Whether the connection goes on. What the socket has no room for waits, and nothing is read until it has left.
static bool send_all(int epoll, struct connection *connection, const uint8_t *start, size_t count) {
  bool waited = connection->unsent_count > 0;
  size_t sent = 0;
  while (sent < count) {
    int result = SSL_write(connection->session, start + sent, (int)(count - sent));
    if (result > 0) sent += (size_t)result;
    else if (SSL_get_error(connection->session, result) == SSL_ERROR_WANT_WRITE) break;
    else return false;
  }
  keep(&connection->unsent, &connection->unsent_count, start + sent, count - sent);
  bool waits = connection->unsent_count > 0;
  struct epoll_event event = {.events = waits ? EPOLLOUT : EPOLLIN, .data.ptr = connection};
  return waits == waited || epoll_ctl(epoll, EPOLL_CTL_MOD, connection->socket, &event) == 0;
}

// Whether the connection goes on.
static bool receive(int epoll, struct connection *connection) {
  ERR_clear_error();
  if (!connection->is_in) {
    int result = SSL_accept(connection->session);
    if (result != 1) return SSL_get_error(connection->session, result) == SSL_ERROR_WANT_READ;
    connection->is_in = true;
  }
  size_t count = connection->unfinished_count;
  if (count > 0) memcpy(input, connection->unfinished, count);
  bool is_over = false;
  while (count < sizeof input) {
    int result = SSL_read(connection->session, input + count, (int)(sizeof input - count));
    if (result <= 0) {
      is_over = SSL_get_error(connection->session, result) != SSL_ERROR_WANT_READ;
      break;
    }
    count += (size_t)result;
  }
  ssize_t done = whole(input, count);
  if (done < 0) return false;
  keep(&connection->unfinished, &connection->unfinished_count, input + done, count - (size_t)done);
  return (done == 0 || send_all(epoll, connection, input, (size_t)done)) && !is_over;
}

int main(int count, char **arguments) {
  int port = count == 4 ? atoi(arguments[1]) : 0;
  if (port < 1 || port > 65535) {
    fprintf(stderr, "usage: tls-echo PORT CERTIFICATE KEY\n");
    return 64;
  }
  signal(SIGPIPE, SIG_IGN);
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  SSL_CTX *sessions = context(arguments[2], arguments[3]);
  int listener = listen_on(port);
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[events_per_wait];
  if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0) fail("epoll");
  for (;;) {
    int ready = epoll_wait(epoll, events, events_per_wait, -1);
    for (int i = 0; i < ready; i++) {
      struct connection *connection = events[i].data.ptr;
      if (connection == NULL) {
        accept_some(epoll, listener, sessions);
        continue;
      }
      bool goes_on = connection->unsent_count > 0
                         ? send_all(epoll, connection, connection->unsent, connection->unsent_count)
                         : receive(epoll, connection);
      if (!goes_on) end(connection);
    }
  }
}
