"""The documentation's TCP server: a server router that sends a tic signal. Argument: the URL."""

import sys
import time

import sig_core as sig

# create the server router
router = sig.ServerRouter(sys.argv[1])

# add a sender
sender_timer = router.addSender("timer", ["tic"])
signal_tic = sender_timer.getSignal("tic")

# start server
router.start()
print(router.addresses[0], flush=True)

# loop
try:
    while True:
        # the documentation tics every ten seconds
        signal_tic.trigger(None)
        time.sleep(0.02)
except KeyboardInterrupt:
    print("Stopping server..")
    router.stop()
    print("Done.")
