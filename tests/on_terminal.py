#!/usr/bin/env python3
"""Run a command on a terminal of 100 columns and print all that it showed. Ends with its status.

--interrupt-after TEXT: when TEXT was shown, type Ctrl-C.
--keys FILE: lines of a text to wait for, a tab, and keys to type then, both with Python's escapes; each waits for what is
shown after the keys before it.
--feed SECONDS: its standard input is a pipe that gives an event now and then, for so long, in place of the terminal.
--columns N
"""
import fcntl, os, pty, select, struct, sys, termios, time

args, columns, after, feed, keys, typed = sys.argv[1:], 100, None, 0.0, [], 0
while args[0].startswith("--"):
    name, value = args.pop(0), args.pop(0)
    if name == "--columns":
        columns = int(value)
    elif name == "--interrupt-after":
        after = value.encode()
    elif name == "--keys":
        keys = [[part.encode().decode("unicode_escape").encode() for part in line.rstrip("\n").split("\t")] for line in open(value)]
    elif name == "--feed":
        feed = float(value)
master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
attributes = termios.tcgetattr(slave)
attributes[1] &= ~termios.OPOST  # what is written is what is shown
termios.tcsetattr(slave, termios.TCSANOW, attributes)
source, sink = os.pipe()
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in 0, 1, 2:
        os.dup2(slave, fd)
    if feed:
        os.dup2(source, 0)
    os.closerange(3, 64)
    os.environ["TERM"] = os.environ.get("EVS_TEST_TERM", "xterm")
    os.execvp(args[0], args)
os.close(slave)
os.close(source)
shown, begun, limit = b"", time.monotonic(), time.monotonic() + (60 if keys else 120)
while time.monotonic() < limit:
    if feed and sink is not None:
        if time.monotonic() - begun < feed:
            os.write(sink, b'{"eventType":"fed"}\n')
        else:
            os.close(sink)
            sink = None
    ready, _, _ = select.select([master], [], [], 0.02)
    if ready:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
        if keys and keys[0][0] in shown[typed:]:
            typed = len(shown)
            os.write(master, keys.pop(0)[1])
        if after is not None and after in shown:
            os.write(master, b"\x03")
            after = None
sys.stdout.buffer.write(shown)
sys.stdout.flush()
os.close(master)  # what is still there is hung up on
_, status = os.waitpid(pid, 0)
sys.exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
