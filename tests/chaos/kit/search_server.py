"""An OpenSearch behind two proxies: one of connections (harness/proxy.py), one that understands HTTP and answers in the cluster's place."""

import http.client
import http.server
import json
import pathlib
import random
import threading
import time
import urllib.parse
from typing import List, Optional, Tuple

from harness.proxy import Proxy
from harness.search import OutageSearch

ANSWER_TIMEOUT_S = 120


class HttpFaults:
    """Passes requests on; on command it answers 429 to bulks, refuses some of a bulk's items, loses answers, or is slow."""

    def __init__(self, target: Tuple[str, int]):
        self.target = target
        self.overloaded = False
        self.refused_share = 0.0  # of each bulk's items: 429
        self.lost_share = 0.0  # of the bulk answers: carried out, and the connection ends without an answer
        self.delay_s = 0.0
        self.struck = 0  # requests that were not simply passed on
        self.random = random.Random(1)
        faults = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answer = faults.answer(self.command, self.path, body, self.headers.get("Content-Type"))
                if answer is None:
                    self.close_connection = True
                    return
                status, content = answer
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def calm(self) -> None:
        self.overloaded, self.refused_share, self.lost_share, self.delay_s = False, 0.0, 0.0, 0.0

    def answer(self, method: str, path: str, body: bytes, content_type: Optional[str]) -> Optional[Tuple[int, bytes]]:
        """None: the connection ends without an answer."""
        if self.delay_s:
            self.struck += 1
            time.sleep(self.delay_s)
        if "/_bulk" not in path:
            return self._pass_on(method, path, body, content_type)
        if self.overloaded:
            self.struck += 1
            reason = "rejected execution of coordinating operation"
            return 429, json.dumps({"error": {"type": "rejected_execution_exception", "reason": reason}, "status": 429}).encode()
        if self.refused_share:
            return self._pass_on_a_part(method, path, body, content_type)
        answer = self._pass_on(method, path, body, content_type)
        if self.random.random() < self.lost_share:
            self.struck += 1
            return None
        return answer

    def _pass_on(self, method: str, path: str, body: bytes, content_type: Optional[str]) -> Optional[Tuple[int, bytes]]:
        connection = http.client.HTTPConnection(*self.target, timeout=ANSWER_TIMEOUT_S)
        try:
            connection.request(method, path, body or None, {"Content-Type": content_type} if content_type else {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except OSError:
            return None
        finally:
            connection.close()

    def _pass_on_a_part(self, method: str, path: str, body: bytes, content_type: Optional[str]) -> Optional[Tuple[int, bytes]]:
        """Some items never reach the cluster, and are answered as an overloaded shard would."""
        actions = split_bulk(body)
        refused = [self.random.random() < self.refused_share for _ in actions]
        kept = [action for action, no in zip(actions, refused) if not no]
        passed: List[dict] = []
        if kept:
            answer = self._pass_on(method, path, b"".join(kept), content_type)
            if answer is None or answer[0] != 200:
                return answer
            passed = json.loads(answer[1])["items"]
        self.struck += any(refused)
        error = {"type": "rejected_execution_exception", "reason": "rejected execution of primary operation"}
        rest = iter(passed)
        items = [{"index": {"status": 429, "error": error}} if no else next(rest) for no in refused]
        return 200, json.dumps({"errors": any(refused), "items": items}).encode()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def split_bulk(body: bytes) -> List[bytes]:
    """Each action with its document."""
    lines = body.splitlines(keepends=True)
    out, at = [], 0
    while at < len(lines):
        size = 1 if b'"delete"' in lines[at][:12] else 2
        out.append(b"".join(lines[at : at + size]))
        at += size
    return out


class SearchServer:
    def __init__(self, directory: pathlib.Path):
        self.server = OutageSearch(directory, "opensearch")
        parts = urllib.parse.urlsplit(self.server.url)
        self.http = HttpFaults((parts.hostname, parts.port))
        self.proxy = Proxy(("127.0.0.1", self.http.port))

    @property
    def url(self) -> str:
        """The workers' way; the tests' own is server.url."""
        return f"http://127.0.0.1:{self.proxy.port}"

    def kill(self) -> None:
        self.server.kill()

    def start(self) -> None:
        self.server.start()
        self.http.calm()
        self.proxy.flow()

    def down(self) -> None:
        self.proxy.close()
        self.http.close()
        self.server.down()
