"""A whole network in one process, in virtual time, from one seed: faults, and what must hold all the same.

    world       the time, what is due, and all that is left to chance
    medium      links between two ends, and what goes wrong with them; beside it `serial_line` and `packet_end`
    *_node      who is there: a server, clients (with `client_link`, `line_end`, `plans`), plain peers, boards
    network     all of them
    observer    what a listener should have heard, and did
    steps       what is done, and what goes wrong
    history     what of it happens, drawn from one seed
    running     how that is run
    invariants  what must hold when all has come to rest, and when all is over
    shrink      fewer steps that break the same
    mutants     faults put into the core on purpose, which have to be found

`python -m tests.simulation --help` says how to run, replay and shrink.
"""
