"""Searches for private keys: in texts, in what a process list shows, and on a host's disk.

A key is found in every form in which it could be read, and nowhere else.
"""

from __future__ import annotations

import base64
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_ssh_private_key,
)

from lab.lab import Lab

PLACES = "/etc /var /run /usr/local /opt /srv /root /home /tmp /dev/shm"


def forms(pem: str) -> list[bytes]:
    """Every form in which a private key could be read; nothing that its public key holds too.

    Its secret number as it is, in hex, decimal and base64, the pieces of the PEM text's lines that
    spell it, and those pieces once more in base64, as the product sends them.
    """
    number = secret_number(pem)
    lines = [line for line in pem.splitlines() if not line.startswith("-----")]
    at = base64.b64decode("".join(lines)).index(number)
    found = [number, number.hex().encode(), number.hex().upper().encode()]
    found += [str(int.from_bytes(number)).encode(), *in_base64(number)]
    offset, first, last = 0, -(-at * 8 // 6), (at + len(number)) * 8 // 6
    for line in lines:
        piece = line[max(first - offset, 0) : max(last - offset, 0)].encode()
        if len(piece) >= 16:
            found += [piece, *in_base64(piece)]
        offset += len(line)
    return found


def secret_number(pem: str) -> bytes:
    """The 32 bytes that are the secret of a P-256 or an Ed25519 key."""
    if "OPENSSH" in pem:
        own = load_ssh_private_key(pem.encode(), None)
        assert isinstance(own, ed25519.Ed25519PrivateKey)
        return own.private_bytes_raw()
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.private_numbers().private_value.to_bytes(32)


def in_base64(data: bytes) -> list[bytes]:
    """The characters that base64 has for this data, wherever in an encoded text it stands."""
    found = []
    for before in range(3):
        text = base64.b64encode(bytes(before) + data)
        part = text[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
        found += [part, part.translate(bytes.maketrans(b"+/", b"-_"))]
    return found


def readable(keys: Mapping[str, str], *places: bytes | str) -> set[str]:
    """The names of those keys that can be read in one of these places, also across its lines."""
    plain = [each.encode() if isinstance(each, str) else each for each in places]
    joined = [re.sub(rb"\\n|\s", b"", each) for each in plain]
    return {
        name
        for name, pem in keys.items()
        if any(form in each for form in forms(pem) for each in (*plain, *joined))
    }


@contextmanager
def sampled() -> Iterator[set[bytes]]:
    """Collects what a process list shows, of every process, for as long as this lasts."""
    seen: set[bytes] = set()
    ended = threading.Event()
    thread = threading.Thread(target=_sample, args=(seen, ended))
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def _sample(seen: set[bytes], ended: threading.Event) -> None:
    last: dict[str, float] = {}
    first: dict[str, float] = {}
    while not ended.wait(0.02):
        now = time.monotonic()
        there = {folder.name for folder in Path("/proc").glob("[0-9]*")}
        for gone in first.keys() - there:
            del first[gone], last[gone]
        for process in there:
            # A young one may still become another program; an old one hardly.
            age = now - first.setdefault(process, now)
            if age > 1 and now - last.get(process, 0) < 2:
                continue
            last[process] = now
            for name in ("cmdline", "environ"):
                try:
                    seen.add(Path("/proc", process, name).read_bytes())
                except OSError:  # it has ended
                    break


def holding(lab: Lab, name: str, keys: Iterable[str]) -> list[str]:
    """The files of a host in which one of these keys can be read."""
    patterns = sorted({form.decode() for pem in keys for form in forms(pem) if form.isascii()})
    found = lab.ssh(
        name, f"grep -rlasF -D skip -f /dev/stdin {PLACES}", "\n".join(patterns) + "\n", check=False
    )
    assert found.returncode in (0, 1, 2), found.stderr
    return sorted(found.stdout.splitlines())
