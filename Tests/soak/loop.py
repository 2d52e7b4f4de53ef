"""One thread, many sockets: epoll and timers."""

import heapq
import itertools
import select
import time

READ, WRITE = select.EPOLLIN, select.EPOLLOUT


class Loop:
    def __init__(self):
        self.epoll = select.epoll()
        self.handlers = {}
        self.timers = []
        self.order = itertools.count()

    def watch(self, socket, handler, events=READ):
        """Calls handler(events) whenever the socket, or anything with a fileno, is ready."""
        self.handlers[socket.fileno()] = handler
        self.epoll.register(socket.fileno(), events)

    def change(self, socket, events):
        self.epoll.modify(socket.fileno(), events)

    def forget(self, socket):
        if self.handlers.pop(socket.fileno(), None):
            self.epoll.unregister(socket.fileno())

    def after(self, seconds, call):
        """Calls once; there is no way to cancel: a call that comes too late has to see it for itself."""
        heapq.heappush(self.timers, (time.monotonic() + seconds, next(self.order), call))

    def run(self, until=lambda: False, seconds=None):
        """Until `until()` holds or the time is over; returns whether it holds."""
        end = None if seconds is None else time.monotonic() + seconds
        while not until():
            now = time.monotonic()
            if end is not None and now >= end:
                return False
            while self.timers and self.timers[0][0] <= now:
                heapq.heappop(self.timers)[2]()
            pause = 0.05
            if self.timers:
                pause = min(pause, max(0, self.timers[0][0] - time.monotonic()))
            if end is not None:
                pause = min(pause, end - now)
            for number, events in self.epoll.poll(pause, 512):
                handler = self.handlers.get(number)
                if handler:
                    handler(events)
        return True
