#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Python's socket module opens the family: nothing but socket calls and bytes.

A stream socket takes frames of the wire protocol; a packet socket takes
options. No address is ever given, and recvmsg() not called, since Python has no
form for this family's addresses.
"""

import select
import socket
import struct
import sys

AF_BLIPMQ = 18
SOL_BLIPMQ = 300
SUBSCRIBE, UNSUBSCRIBE, TOPIC_DEFAULT, QUEUE_MESSAGES = 1, 2, 3, 4
STATS = 11
PUB, SUB, ACK, MSG, PING, PONG = 1, 2, 5, 6, 7, 8
CONFIRM = 1

checks = []


def check(function):
    """Registers a check; its first line of documentation names it."""
    checks.append(function)
    return function


def frame(operation, flags=0, topic=b"", body=b""):
    """A frame of the wire protocol."""
    return struct.pack("<IBBH", 8 + len(topic) + len(body),
                       operation << 4 | flags, len(topic), 0) + topic + body


def exactly(sock, size):
    """Reads so many bytes."""
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise EOFError(f"{len(data)} of {size} bytes")
        data += piece
    return data


def read_frame(sock):
    """Reads a frame: operation, topic, body."""
    size, operation, topic_len, reserved = struct.unpack(
        "<IBBH", exactly(sock, 8))
    assert reserved == 0
    rest = exactly(sock, size - 8)
    return operation >> 4, rest[:topic_len], rest[topic_len:]


def subscription(pattern):
    """struct blipmq_subscription without a group."""
    return struct.pack("<HBB", 0, len(pattern), 0) + pattern


def open_socket(kind):
    """A socket that hangs no longer than the guard's time."""
    sock = socket.socket(AF_BLIPMQ, kind)
    sock.settimeout(25)
    return sock


@check
def stream_frames():
    """a stream speaks frames"""
    with open_socket(socket.SOCK_STREAM) as sock:
        assert sock.family == AF_BLIPMQ
        sock.sendall(frame(PING, body=b"from python"))
        assert read_frame(sock) == (PONG, b"", b"from python")
        sock.sendall(frame(SUB, CONFIRM, b"py.t"))
        assert read_frame(sock) == (ACK, b"py.t", bytes(4))
        sock.sendall(frame(PUB, 0, b"py.t", struct.pack("<II", 0, 7) + b"hi"))
        operation, topic, body = read_frame(sock)
        assert (operation, topic, body[8:]) == (MSG, b"py.t", b"hi")
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""


@check
def stream_file_object():
    """a stream works as a file object"""
    with open_socket(socket.SOCK_STREAM) as sock, \
            sock.makefile("rwb") as file:
        for number in range(100):
            file.write(frame(PING, body=b"%d" % number))
        file.flush()
        for number in range(100):
            body = b"%d" % number
            assert file.read(8 + len(body)) == frame(PONG, body=body)


@check
def packets():
    """packet sockets publish and subscribe by options"""
    with open_socket(socket.SOCK_SEQPACKET) as sub, \
            open_socket(socket.SOCK_SEQPACKET) as pub:
        sub.setsockopt(SOL_BLIPMQ, SUBSCRIBE, subscription(b"py.p"))
        pub.setsockopt(SOL_BLIPMQ, TOPIC_DEFAULT, b"py.p")
        assert pub.getsockopt(SOL_BLIPMQ, TOPIC_DEFAULT, 255) == b"py.p"
        for text in b"one", b"", b"three":
            assert pub.send(text) == len(text)
        assert sub.recv(100) == b"one"
        assert sub.recv(100) == b""
        assert sub.recv(100) == b"three"
        sub.setsockopt(SOL_BLIPMQ, UNSUBSCRIBE, subscription(b"py.p"))
        pub.send(b"four")
        sub.setblocking(False)
        try:
            sub.recv(100)
        except BlockingIOError:
            return
        raise AssertionError("a message after the end of the subscription")


@check
def statistics():
    """counters come as a structure: what was lost, too"""
    with open_socket(socket.SOCK_SEQPACKET) as sub, \
            open_socket(socket.SOCK_SEQPACKET) as pub:
        sub.setsockopt(SOL_BLIPMQ, QUEUE_MESSAGES, 2)
        topic = b"py." + b"x" * 200
        sub.setsockopt(SOL_BLIPMQ, SUBSCRIBE, subscription(topic))
        pub.setsockopt(SOL_BLIPMQ, TOPIC_DEFAULT, topic)
        for number in range(5):
            pub.send(b"%d" % number)
        assert sub.recv(100) == b"3"
        _, matched, delivered, overflow = struct.unpack(
            "<4Q", sub.getsockopt(SOL_BLIPMQ, STATS, 32))
        assert (matched, delivered, overflow) == (5, 1, 3)
        assert len(sub.getsockopt(SOL_BLIPMQ, STATS, 1000)) == 128


@check
def errors():
    """errors are Python's own"""
    with open_socket(socket.SOCK_SEQPACKET) as sock:
        for option, value, error in (
                (TOPIC_DEFAULT, b"a..b", 22), (SUBSCRIBE, b"", 22),
                (SUBSCRIBE, subscription(b"py.>.x"), 22),
                (UNSUBSCRIBE, subscription(b"py.none"), 2)):
            try:
                sock.setsockopt(SOL_BLIPMQ, option, value)
            except OSError as caught:
                assert caught.errno == error, caught
            else:
                raise AssertionError(f"option {option} took {value}")


@check
def selecting():
    """select() and poll() see a message"""
    with open_socket(socket.SOCK_SEQPACKET) as sub:
        sub.setsockopt(SOL_BLIPMQ, SUBSCRIBE, subscription(b"py.s"))
        sub.setsockopt(SOL_BLIPMQ, TOPIC_DEFAULT, b"py.s")
        assert select.select([sub], [], [], 0) == ([], [], [])
        sub.send(b"x")
        assert select.select([sub], [], [], 25)[0] == [sub]
        poll = select.poll()
        poll.register(sub, select.POLLIN)
        assert poll.poll(25000) == [(sub.fileno(), select.POLLIN)]


def main():
    """Runs the checks and prints TAP."""
    failed = 0
    for number, function in enumerate(checks, 1):
        what = f"python: {function.__doc__}"
        try:
            function()
        except Exception as error:  # pylint: disable=broad-except
            failed += 1
            print(f"# {type(error).__name__}: {error}")
            print(f"not ok {number} {what}")
        else:
            print(f"ok {number} {what}")
    print(f"1..{len(checks)}")
    return failed > 0


sys.exit(main())
