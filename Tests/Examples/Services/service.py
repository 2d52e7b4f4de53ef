"""A service behind zinxd: an echo, a login that binds the user, and a room. Needs nats-py."""
import asyncio, sys, nats


async def main():
    nc = await nats.connect(sys.argv[1] if sys.argv[1:] else "nats://127.0.0.1:4222")

    async def tell(msg, verb, data):           # to the connection of a request, and waits until it is done
        headers = msg.headers
        await nc.request(f"zinx.conn.{headers['Zinx-Node']}.{headers['Zinx-Conn-Id']}.{verb}", data)

    async def echo(msg):
        await msg.respond(msg.data)

    async def login(msg):                      # the data is the name
        await tell(msg, "bind", msg.data)
        await msg.respond(b"welcome")

    async def enter(msg):
        await tell(msg, "join", b"room")
        await msg.respond(b"you are in")

    async def say(msg):                        # to everybody in the room, on every node, under id 120
        await nc.publish("zinx.group.room", msg.data, headers={"Zinx-Msg-Id": "120"})
        await msg.respond(b"")

    for id, handler in (100, echo), (101, login), (102, enter), (103, say):
        await nc.subscribe(f"game.{id}", queue="game", cb=handler)
    await nc.flush()
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
