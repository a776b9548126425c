"""Runs a program on a terminal of a given size: terminal.py ROWS COLUMNS PROGRAM ARGUMENT…

Standard input is the keyboard, but that NUL, "ROWS COLUMNS" and a line feed change the size. Standard output is what the
terminal gets. Ends as the program ends.
"""

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios


def resize(terminal, rows, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", int(rows), int(columns), 0, 0))


def main(rows, columns, *command):
    # The program must find the size when it starts.
    ready, go = os.pipe()
    pid, terminal = pty.fork()
    if pid == 0:
        os.close(go)
        os.read(ready, 1)
        os.execvp(command[0], command)
    resize(terminal, rows, columns)
    os.write(go, b"x")
    open_ends = [0, terminal]
    while terminal in open_ends:
        for end in select.select(open_ends, [], [])[0]:
            try:
                data = os.read(end, 65536)
            except OSError:
                data = b""
            if not data:
                open_ends.remove(end)
            elif end == terminal:
                os.write(1, data)
            else:
                for size in re.findall(rb"\0(\d+) (\d+)\n", data):
                    resize(terminal, *size)
                os.write(terminal, re.sub(rb"\0\d+ \d+\n", b"", data))
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


main(*sys.argv[1:])
