// The same in C, with libnats: cc service.c -lnats
#include <nats/nats.h>
#include <stdio.h>
#include <unistd.h>

static void tell(natsConnection *nc, natsMsg *request, const char *verb, const char *data, int length) {
    const char *node = "", *id = "";
    char subject[256];
    natsMsg *done = NULL;
    natsMsgHeader_Get(request, "Zinx-Node", &node);
    natsMsgHeader_Get(request, "Zinx-Conn-Id", &id);
    snprintf(subject, sizeof subject, "zinx.conn.%s.%s.%s", node, id, verb);
    natsConnection_Request(&done, nc, subject, data, length, 1000);
    natsMsg_Destroy(done);
}
static void handle(natsConnection *nc, natsSubscription *sub, natsMsg *request, void *unused) {
    const char *data = natsMsg_GetData(request), *reply = natsMsg_GetReply(request);
    int length = natsMsg_GetDataLength(request), id = 0;
    natsMsg *news = NULL;
    sscanf(natsMsg_GetSubject(request), "game.%d", &id);
    if (id == 101) tell(nc, request, "bind", data, length);
    if (id == 102) tell(nc, request, "join", "room", 4);
    if (id == 103 && natsMsg_Create(&news, "zinx.group.room", NULL, data, length) == NATS_OK) {
        natsMsgHeader_Set(news, "Zinx-Msg-Id", "120");
        natsConnection_PublishMsg(nc, news);
        natsMsg_Destroy(news);
    }
    const char *answers[] = {data, "welcome", "you are in", ""};
    int lengths[] = {length, 7, 10, 0};
    if (id >= 100 && id <= 103) natsConnection_Publish(nc, reply, answers[id - 100], lengths[id - 100]);
    natsMsg_Destroy(request);
}
int main(int count, char **words) {
    natsConnection *nc;
    natsSubscription *sub;
    if (natsConnection_ConnectTo(&nc, count > 1 ? words[1] : "nats://127.0.0.1:4222") != NATS_OK) return 1;
    if (natsConnection_QueueSubscribe(&sub, nc, "game.*", "game", handle, NULL) != NATS_OK) return 1;
    return natsConnection_Flush(nc) != NATS_OK || puts("ready") < 0 || fflush(stdout) || pause();
}
