"""A TCP proxy that misbehaves on command: cuts, stalls, slows down, refuses, swallows answers, points elsewhere."""

import socket
import struct
import threading
import time
from typing import List, Optional, Tuple

CHUNK_BYTES = 16 * 1024


class Proxy:
    """Between a worker and a server on 127.0.0.1. Threads: one a direction and connection; commands from any thread."""

    def __init__(self, target: Tuple[str, int]):
        self._target = target
        self._lock = threading.Lock()
        self._pairs: List[Tuple[socket.socket, socket.socket]] = []
        self._flowing = threading.Event()
        self._flowing.set()
        self._swallowing = False
        self._budget: Optional[int] = None  # bytes to the server until it stalls
        self._refusing = False
        self._delay_s = 0.0  # of each chunk, each way
        self._bytes_per_s: Optional[float] = None  # each way and connection
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    # Commands

    def cut(self) -> None:
        """Every connection ends with a reset, on both sides."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for side in pair:
                _reset(side)

    def stall(self) -> None:
        """Nothing moves any more; nobody is told."""
        self._flowing.clear()

    def stall_after(self, to_server_bytes: int) -> None:
        """The server gets so many bytes more, then nothing moves: a client that stops in the middle of a transaction."""
        with self._lock:
            self._budget = to_server_bytes

    def refuse(self) -> None:
        """Every connection ends, and so does every new one: nobody listens there."""
        self._refusing = True
        self.cut()

    def slow_down(self, delay_s: float = 0.0, bytes_per_s: Optional[float] = None) -> None:
        """A long way, or a thin one."""
        self._delay_s, self._bytes_per_s = delay_s, bytes_per_s

    def point_at(self, target: Tuple[str, int]) -> None:
        """Another server answers at this address, as after a failover; open connections end."""
        self._target = target
        self.cut()

    def swallow_answers(self) -> None:
        """The server hears everything, its answers are lost."""
        self._swallowing = True

    def flow(self) -> None:
        self._swallowing = self._refusing = False
        self.slow_down()
        with self._lock:
            self._budget = None
        self._flowing.set()

    @property
    def stalled(self) -> bool:
        return not self._flowing.is_set()

    def close(self) -> None:
        self._listener.close()
        self.cut()
        self._flowing.set()

    # Inside

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refusing:
                _reset(client)
                continue
            try:
                server = socket.create_connection(self._target, timeout=5)
                server.settimeout(None)
            except OSError:
                _reset(client)
                continue
            with self._lock:
                self._pairs.append((client, server))
            threading.Thread(target=self._pump, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, False), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, to_server: bool) -> None:
        try:
            while True:
                data = source.recv(CHUNK_BYTES)
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                if not to_server and self._swallowing:
                    continue
                if self._delay_s or self._bytes_per_s:
                    time.sleep(self._delay_s + len(data) / (self._bytes_per_s or float("inf")))
                while data:
                    self._flowing.wait()
                    part = self._take(data) if to_server else data
                    if part:
                        sink.sendall(part)
                    data = data[len(part) :]
        except OSError:
            _reset(source)
            _reset(sink)

    def _take(self, data: bytes) -> bytes:
        with self._lock:
            if self._budget is None:
                return data
            part = data[: self._budget]
            self._budget -= len(part)
            if self._budget == 0:
                self._flowing.clear()
                self._budget = None
            return part


def _reset(side: socket.socket) -> None:
    try:
        side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        side.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    side.close()
