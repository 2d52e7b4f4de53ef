// The same in Swift, with libnats: swiftc -swift-version 6 -parse-as-library -I Sources/CNats service.swift
import CNats
import Glibc

func tell(_ nats: OpaquePointer?, _ request: OpaquePointer?, _ verb: String, _ data: UnsafePointer<CChar>?, _ count: Int32) {
  var (node, id, done): (UnsafePointer<CChar>?, UnsafePointer<CChar>?, OpaquePointer?) = (nil, nil, nil)
  natsMsgHeader_Get(request, "Zinx-Node", &node)
  natsMsgHeader_Get(request, "Zinx-Conn-Id", &id)
  guard let node, let id else { return }
  natsConnection_Request(&done, nats, "zinx.conn.\(String(cString: node)).\(String(cString: id)).\(verb)", data, count, 1000)
  natsMsg_Destroy(done)
}

func handle(_ nats: OpaquePointer?, _: OpaquePointer?, _ request: OpaquePointer?, _: UnsafeMutableRawPointer?) {
  let (data, count, reply) = (natsMsg_GetData(request), natsMsg_GetDataLength(request), natsMsg_GetReply(request))
  let id = natsMsg_GetSubject(request).flatMap { Int(String(cString: $0).dropFirst("game.".count)) }
  var news: OpaquePointer?
  if id == 101 { tell(nats, request, "bind", data, count) }
  if id == 102 { tell(nats, request, "join", "room", 4) }
  if id == 103, natsMsg_Create(&news, "zinx.group.room", nil, data, count) == NATS_OK {
    natsMsgHeader_Set(news, "Zinx-Msg-Id", "120")
    natsConnection_PublishMsg(nats, news)
  }
  if id == 100 { natsConnection_Publish(nats, reply, data, count) }
  if let answer = [101: "welcome", 102: "you are in", 103: ""][id] { natsConnection_PublishString(nats, reply, answer) }
  for message in [news, request] { natsMsg_Destroy(message) }
}

@main struct Service {
  static func main() {
    var (nats, subscription): (OpaquePointer?, OpaquePointer?) = (nil, nil)
    guard natsConnection_ConnectTo(&nats, CommandLine.arguments.dropFirst().first ?? "nats://127.0.0.1:4222") == NATS_OK,
      natsConnection_QueueSubscribe(&subscription, nats, "game.*", "game", handle, nil) == NATS_OK,
      natsConnection_Flush(nats) == NATS_OK, puts("ready") >= 0, fflush(nil) == 0
    else { exit(1) }
    pause()
  }
}
