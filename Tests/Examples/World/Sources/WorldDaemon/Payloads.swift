import ZinxProtobuf

/// What `protoc` has made of world.proto, as the data of messages.
extension PlayerID: ProtobufPayload {}
extension Position: ProtobufPayload {}
extension Talk: ProtobufPayload {}
extension Broadcast: ProtobufPayload {}
extension Players: ProtobufPayload {}
