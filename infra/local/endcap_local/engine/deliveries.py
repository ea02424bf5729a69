"""Records of delivery streams, held back and written together, as Firehose does.

moto writes an object for each call. Over many minutes of load these are so many that listing and reading them is most
of what the engine does.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any


class Deliveries:
    """What moto's delivery streams hold back, until `stop` is called.

    Parameters
    ----------
    every_s : between objects of a stream
    lock : held while anything is changed in moto
    written : called after objects were written
    """

    def __init__(self, every_s: float, lock: threading.Lock, written: Callable[[], object]) -> None:
        from moto.firehose.models import FirehoseBackend

        self._backend: Any = FirehoseBackend
        self._every_s, self._lock, self._written = every_s, lock, written
        self._held: dict[str, tuple[Any, ...]] = {}
        self._write = FirehoseBackend.put_s3_records

        def hold(backend: Any, stream: str, version: str, to: Any, records: list[Any]) -> list[dict[str, str]]:
            *_, held = self._held.setdefault(stream, (backend, stream, version, to, []))
            held += records
            return [{"RecordId": str(uuid.uuid4())} for _ in records]

        self._backend.put_s3_records = hold
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="deliveries", daemon=True)
        self._thread.start()

    def deliver(self) -> None:
        """Write what is held back."""
        with self._lock:
            held, self._held = self._held, {}
            for arguments in held.values():
                self._write(*arguments)
        if held:
            self._written()

    def stop(self) -> None:
        """Write what is held back, and hold nothing back any more."""
        self._over.set()
        self._thread.join()
        self._backend.put_s3_records = self._write
        self.deliver()

    def _run(self) -> None:
        while not self._over.wait(self._every_s):
            self.deliver()
