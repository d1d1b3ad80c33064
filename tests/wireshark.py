#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The Wireshark dissector reads a capture: frames of each kind, several in a
segment, cut over segments, and malformed. Needs tshark."""
import os
import struct
import subprocess
import sys
import tempfile

PORT = 9999


def frame(op, flags, topic, body):
    return struct.pack("<IBBH", 8 + len(topic) + len(body), op << 4 | flags,
                       len(topic), 0) + topic + body


FRAMES = [
    (frame(2, 1, b"a.*", b"\x01g"), ["SUB", "a.*", "g"]),
    (frame(1, 3, b"a.b", struct.pack("<II", 1000, 77) + b"hello"),
     ["PUB", "a.b", "1000", "77", "68656c6c6f"]),
    (frame(5, 0, b"a.b", struct.pack("<I", 77)), ["ACK", "a.b", "77"]),
    (frame(6, 2, b"a.b", struct.pack("<Q", 1 << 40 | 5) + b"hello"),
     ["MSG", "a.b", "0x0000010000000005"]),
    (frame(9, 0, b"", struct.pack("<IH", 3, 422) + b"invalid topic"),
     ["ERR", "422", "invalid topic"]),
    (frame(11, 0, b"", struct.pack("<Q", 12345)), ["LOST", "12345"]),
    (frame(12, 1, b"", struct.pack("<HI", 4, 99)), ["OPTION", "4", "99"]),
    (frame(7, 0, b"", b"ping"), ["PING", "70696e67"]),
    (frame(4, 0, b"", b""), ["QUIT"]),
]
FIELDS = ["op", "topic", "group", "ttl", "tag", "payload", "id", "code",
          "text", "lost", "option", "value"]
OPS = {1: "PUB", 2: "SUB", 4: "QUIT", 5: "ACK", 6: "MSG", 7: "PING",
       9: "ERR", 11: "LOST", 12: "OPTION"}


def packet(seq, data):
    tcp = struct.pack(">HHIIBBHHH", 40000, PORT, seq, 1, 0x50, 0x18, 65535, 0,
                      0) + data
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0,
                     b"\x7f\0\0\1", b"\x7f\0\0\1")
    return ip + tcp


def capture(path, segments):
    """Raw IP packets, a segment each."""
    seq = 1
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
        for data in segments:
            p = packet(seq, data)
            seq += len(data)
            file.write(struct.pack("<IIII", 0, seq, len(p), len(p)) + p)


def tshark(path, *fields):
    command = ["tshark", "-r", path, "-X", "lua_script:tools/wireshark/blipmq.lua",
               "-T", "fields", "-E", "separator=|"]
    for name in fields:
        command += ["-e", name]
    return subprocess.run(command, check=True, capture_output=True,
                          text=True).stdout


def values(path):
    text = tshark(path, *["blipmq." + x for x in FIELDS])
    return [line.split("|") for line in text.splitlines()]


def whole(path):
    """A frame a segment: every value is there."""
    capture(path, [data for data, _ in FRAMES])
    rows = values(path)
    for (_, wanted), row in zip(FRAMES, rows, strict=True):
        row[0] = OPS.get(int(row[0]), row[0])
        missing = [x for x in wanted if x not in row]
        if missing:
            print(f"# {missing} not in {row}")
            return False
    return True


def together(path):
    capture(path, [b"".join(data for data, _ in FRAMES)])
    return len(values(path)[0][0].split(",")) == len(FRAMES)


def cut(path):
    data = b"".join(data for data, _ in FRAMES)
    capture(path, [data[i:i + 5] for i in range(0, len(data), 5)])
    return sum(len(row[0].split(",")) for row in values(path) if row[0]) == \
        len(FRAMES)


def malformed(path):
    capture(path, [b"\x03\0\0\0\xff\xff\xff\xff" + b"junk" * 4])
    return "Malformed" in tshark(path, "_ws.expert.message")


def main():
    tests = [whole, together, cut, malformed]
    print(f"1..{len(tests)}")
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for i, test in enumerate(tests):
            ok = test(os.path.join(folder, "capture"))
            failed |= not ok
            print(f"{'' if ok else 'not '}ok {i + 1} {test.__name__}")
    return failed


if __name__ == "__main__":
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    sys.exit(main())
