"""A network link with a delay, between two network namespaces: what tc's netem does, for kernels without it.

    delayed_link.py MILLISECONDS NAMESPACE ADDRESS/BITS NAMESPACE ADDRESS/BITS

Each packet is held for so many milliseconds, one way. Prints "ready" when the link is up.
"""
import collections
import fcntl
import os
import select
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000


def end(name, namespace, address):
    """Opens one end of the link, and moves it into a namespace."""
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    for line in (
        f"link set {name} netns {namespace}",
        f"-n {namespace} addr add {address} dev {name}",
        f"-n {namespace} link set {name} mtu 9000 txqueuelen 10000 up",
    ):
        subprocess.run(["ip", *line.split()], check=True)
    return tun


def main():
    delay = float(sys.argv[1]) / 1000
    ends = [end("delay0", *sys.argv[2:4]), end("delay1", *sys.argv[4:6])]
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    held = collections.deque()  # All are held equally long, so the first one in is the first one out.
    print("ready", flush=True)
    while True:
        wait = max(0.0, held[0][0] - time.monotonic()) if held else None
        for tun in select.select(ends, [], [], wait)[0]:
            try:
                while True:
                    held.append((time.monotonic() + delay, other[tun], os.read(tun, 65536)))
            except BlockingIOError:
                pass
        while held and held[0][0] <= time.monotonic():
            _, tun, packet = held.popleft()
            try:
                os.write(tun, packet)
            except OSError:
                pass  # Dropped, as a link does: TCP sends it again.


main()
