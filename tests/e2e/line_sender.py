"""Numbered readings of two machines into a plant's line protocol, until told to stop."""

import http.client
import threading
import time


class Sender(threading.Thread):
    """Posts numbered readings, two machines at once, until told to stop. What is acknowledged is on the plant's disk."""

    def __init__(self, port, every=0.05, count=50):
        super().__init__(daemon=True)
        self.port, self.every, self.count = port, every, count
        self.next = self.acknowledged = 0
        self.stopping = threading.Event()

    def run(self):
        connection = None
        while not self.stopping.is_set():
            time_ns = time.time_ns()
            numbers = range(self.next, self.next + self.count)
            body = "\n".join(f"press,id={m} current={n} {time_ns + (n - self.next) * 1000}" for n in numbers for m in (1, 2))
            while not self.stopping.is_set():
                try:
                    connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
                    connection.request("POST", "/write?db=x", body)
                    answer = connection.getresponse()
                    answer.read()
                    if answer.status == 204:
                        self.acknowledged = self.next + self.count
                        break
                except (OSError, http.client.HTTPException):
                    if connection:
                        connection.close()
                    connection = None
                self.stopping.wait(0.1)
            self.next += self.count
            self.stopping.wait(self.every)
        if connection:
            connection.close()

    def stop(self):
        self.stopping.set()
        self.join()
        return self.acknowledged
