"""A headless Chromium that a check steers by the DevTools protocol."""

import base64
import contextlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time

import websocket

PATIENCE = 30
FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--no-proxy-server", "--hide-scrollbars", "--remote-debugging-port=0", "--remote-allow-origins=*",
]


class Browser:
    """One page. What it asks for and complains of is kept."""

    def __init__(self):
        self.folder = tempfile.mkdtemp()
        self.process = subprocess.Popen(
            ["chromium", *FLAGS, f"--user-data-dir={self.folder}", "about:blank"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, start_new_session=True)
        self.lastID, self.asked, self.complaints = 0, [], []
        try:
            place = self.address()
            self.socket = websocket.create_connection(place, timeout=PATIENCE)
            target = self.call("Target.createTarget", url="about:blank")["targetId"]
            self.socket.close()
            self.socket = websocket.create_connection(re.sub("/devtools/browser/.*", f"/devtools/page/{target}", place), timeout=PATIENCE)
            for domain in "Page", "Runtime", "Network", "Log":
                self.call(f"{domain}.enable")
        except BaseException:
            self.close()
            raise

    def address(self):
        text, end = "", time.monotonic() + PATIENCE
        while not (match := re.search(r"DevTools listening on (ws://\S+)", text)):
            ready, _, _ = select.select([self.process.stderr], [], [], max(0, end - time.monotonic()))
            more = os.read(self.process.stderr.fileno(), 65536).decode(errors="replace") if ready else ""
            assert more, f"Chromium does not start: {text[-2000:]}"
            text += more
        return match[1]

    def call(self, method, **parameters):
        self.lastID += 1
        self.socket.send(json.dumps({"id": self.lastID, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("id") == self.lastID:
                assert "error" not in message, f"{method}: {message['error']}"
                return message["result"]
            self.note(message)

    def note(self, event):
        values = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent": self.asked.append(values["request"]["url"])
            case "Runtime.exceptionThrown": self.complaints.append(values["exceptionDetails"]["text"])
            case "Log.entryAdded" if values["entry"]["level"] in ("error", "warning"): self.complaints.append(values["entry"]["text"])

    def open(self, url):
        self.asked, self.complaints = [], []
        self.call("Page.navigate", url=url)

    def value(self, expression):
        """What an expression of JavaScript has; of a promise, what comes of it."""
        result = self._evaluate(expression)
        assert "exceptionDetails" not in result, f"{expression}: {result['exceptionDetails']}"
        return result["result"].get("value")

    def until(self, expression, seconds=PATIENCE):
        """One that throws is not so yet: what it speaks of may not have been loaded."""
        end = time.monotonic() + seconds
        while "exceptionDetails" in (result := self._evaluate(expression)) or not result["result"].get("value"):
            assert time.monotonic() < end, f"not within {seconds} s: {expression}; it is {self.value('document.body?.innerText ?? null')}"
            time.sleep(0.1)
        return result["result"]["value"]

    def _evaluate(self, expression):
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)

    def press(self, key, code=0):
        for kind in "rawKeyDown", "keyUp":
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, nativeVirtualKeyCode=code)

    def look(self, width, height, scheme="light", scale=1):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self, path):
        """All of the page, as far as it goes down."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        with contextlib.suppress(Exception):
            self.socket.close()
        # Its own session: it has a dozen processes.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.stderr.close()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
