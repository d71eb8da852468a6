"""The suite's fuzzing server on a free port of the loopback interface (wstest itself listens on all of them).

Prints its URL; ends after the testee asked for the reports with `shutdownOnComplete=true`. Python 2.7.
"""

import json
import socket
import sys

from autobahntestsuite import choosereactor  # noqa: F401, installs the reactor
from autobahntestsuite.fuzzing import FuzzingServerFactory
from twisted.internet import reactor

listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
listener.bind(("127.0.0.1", 0))
listener.listen(128)
listener.setblocking(False)

with open(sys.argv[1]) as text:
    spec = json.load(text)
spec["url"] = "ws://127.0.0.1:%d" % listener.getsockname()[1]
factory = FuzzingServerFactory(spec)
reactor.adoptStreamPort(listener.fileno(), socket.AF_INET, factory)
reactor.callWhenRunning(lambda: (sys.stdout.write("url %s\n" % spec["url"]), sys.stdout.flush()))
reactor.run()
