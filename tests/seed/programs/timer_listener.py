"""The documentation's TCP client that listens for the tic signals of two timers. Argument: the URL."""
# ruff: noqa: UP031 - the documentation's own formats

import sys
import time

import sig_core as sig

# create the client router, and connect it to the server
router = sig.ClientRouter(sys.argv[1]).start()


# register for the tic signal
def listen_for_tic(info, data):
    print("'%s' received from '%s' (data: %s)" % (info.get("event"), info.get("sender"), data), flush=True)


router.addRemoteListener(listen_for_tic, "timer", "tic")
router.addRemoteListener(listen_for_tic, "another_timer", "tic")

# loop
try:
    while True:
        time.sleep(10)
except KeyboardInterrupt:
    print("Disconnecting client..")
    router.stop()
    print("Stop")
