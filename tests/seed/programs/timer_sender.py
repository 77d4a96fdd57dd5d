"""The documentation's TCP client that adds a sender of its own. Argument: the URL."""

import sys
import time

import sig_core as sig

# create the client router, and connect it to the server
router = sig.ClientRouter(sys.argv[1]).start()

# add our remote sender
sender = router.addRemoteSender("another_timer", ["tic"])
signal_tic = sender.getSignal("tic")

# loop
try:
    while True:
        # the documentation tics every ten seconds
        time.sleep(0.02)
        signal_tic.trigger(None)
except KeyboardInterrupt:
    print("Disconnecting client..")
    router.stop()
    print("Stop")
