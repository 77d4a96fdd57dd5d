"""`python -m sig_core` is the command `sig`."""

from sig_core.cli import main

if __name__ == "__main__":
    main()
