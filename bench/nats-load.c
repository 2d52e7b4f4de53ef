/* A service behind NATS and a requester, with libnats alone: what a gateway is compared with.
 *
 *   nats-load service URL                             answers what comes to "echo" with its data
 *   nats-load request URL SECONDS IN-FLIGHT HEADERS   asks it; HEADERS: "none", "each" of four that are set one by one, or "one" that is all
 *                                                     four of them. Writes requests, and the microseconds of user and system time of each. */
#include <nats/nats.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static void check(natsStatus status, const char *what)
{
    if (status == NATS_OK)
        return;
    fprintf(stderr, "nats-load: %s: %s\n", what, natsStatus_GetText(status));
    exit(1);
}

static void answer(natsConnection *connection, natsSubscription *subscription, natsMsg *request, void *unused)
{
    (void)subscription;
    (void)unused;
    natsConnection_Publish(connection, natsMsg_GetReply(request), natsMsg_GetData(request), natsMsg_GetDataLength(request));
    natsMsg_Destroy(request);
}

static int serve(natsConnection *connection)
{
    natsSubscription *subscription;
    check(natsConnection_Subscribe(&subscription, connection, "echo", answer, NULL), "subscribe");
    check(natsConnection_Flush(connection), "flush");
    puts("ready");
    fflush(stdout);
    return pause();
}

static void ask(natsConnection *connection, const char *reply, const char *headers)
{
    static const char data[64];
    natsMsg *message;
    check(natsMsg_Create(&message, "echo", reply, data, sizeof data), "create");
    if (!strcmp(headers, "each")) {
        check(natsMsgHeader_Set(message, "Zinx-Node", "node1"), "header");
        check(natsMsgHeader_Set(message, "Zinx-Instance", "0123456789abcdef"), "header");
        check(natsMsgHeader_Set(message, "Zinx-Conn-Id", "17"), "header");
        check(natsMsgHeader_Set(message, "Zinx-Msg-Id", "3"), "header");
    } else if (!strcmp(headers, "one")) {
        const char *lines = "Zinx-Node: node1\r\nZinx-Instance: 0123456789abcdef\r\nZinx-Conn-Id: 17\r\nZinx-Msg-Id";
        check(natsMsgHeader_Set(message, lines, "3"), "header");
    }
    check(natsConnection_PublishMsg(connection, message), "publish");
    natsMsg_Destroy(message);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static double seconds(struct timeval time) { return time.tv_sec + time.tv_usec / 1e6; }

static int request(natsConnection *connection, double duration, long in_flight, const char *headers)
{
    natsInbox *inbox;
    natsSubscription *subscription;
    struct rusage before, after;
    check(natsInbox_Create(&inbox), "inbox");
    check(natsConnection_SubscribeSync(&subscription, connection, inbox), "subscribe");
    for (long i = 0; i < in_flight; i++)
        ask(connection, inbox, headers);
    getrusage(RUSAGE_SELF, &before);
    double end = now() + duration;
    long count = 0;
    while (count % 256 || now() < end) {
        natsMsg *message;
        check(natsSubscription_NextMsg(&message, subscription, 5000), "an answer");
        natsMsg_Destroy(message);
        ask(connection, inbox, headers);
        count++;
    }
    getrusage(RUSAGE_SELF, &after);
    printf("%ld %.3f %.3f\n", count, (seconds(after.ru_utime) - seconds(before.ru_utime)) / count * 1e6,
           (seconds(after.ru_stime) - seconds(before.ru_stime)) / count * 1e6);
    return 0;
}

int main(int count, char **words)
{
    bool serves = count == 3 && !strcmp(words[1], "service");
    if (!serves && !(count == 6 && !strcmp(words[1], "request"))) {
        fprintf(stderr, "usage: nats-load service URL | request URL SECONDS IN-FLIGHT HEADERS\n");
        return 64;
    }
    natsConnection *connection;
    check(natsConnection_ConnectTo(&connection, words[2]), "connect");
    return serves ? serve(connection) : request(connection, atof(words[3]), atol(words[4]), words[5]);
}
