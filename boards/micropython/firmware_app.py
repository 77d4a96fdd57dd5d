"""The application of the test boards, in MicroPython: counts, echoes, and asks a clock."""

from sigboard import Board

WAITING = 8  # requests and events that may wait for room


class App:
    """The board and what it does. Call `step` all the time; the arguments are those of `Board`."""

    def __init__(self, read, write, name="mp", **options):
        self.led = 0
        self.heard = self.disordered = self.fired = 0
        self.left = 0  # of a burst
        self.last = None  # tick
        self.to_ask = []
        self.answers = []
        self.board = Board(
            name,
            read,
            write,
            events=["#changed", "answer"],
            requests=[
                ("echo", lambda params: params),
                ("led.set", self.set_led),
                ("stat", self.stat),
                ("burst", self.burst),
                ("fail", self.fail),
                ("ask", self.ask),
            ],
            listens=[(("clock", "tick"), self.tick)],
            **options,
        )

    def step(self):
        """Poll, fire and ask what has room, and poll again so that it goes out at once."""
        board = self.board
        board.poll()
        if self.left or self.to_ask or self.answers:
            self.send(board)
            board.poll()

    def send(self, board):
        """Fire and ask as long as there is room."""
        while self.left and board.fire("#changed", {"n": self.fired, "t": 21.5}):
            self.fired += 1
            self.left -= 1
        while self.to_ask and board.ask("clock", "now", self.to_ask[0], self.answered):
            self.to_ask.pop(0)
        while self.answers and board.fire("answer", self.answers[0]):
            self.answers.pop(0)

    def tick(self, value):
        """Count what the clock says, and what of it is out of order."""
        if self.last is not None and value != self.last + 1:
            self.disordered += 1
        self.last = value
        self.heard += 1

    def set_led(self, params):
        """Remember an integer."""
        self.led = integer(params)
        return self.led

    def stat(self, params):
        """Say how it went so far."""
        board = self.board
        return [self.heard, self.disordered, self.fired, board.damaged, board.resent, board.doubled]

    def burst(self, params):
        """Fire so many events more."""
        self.left += integer(params)
        return params

    def fail(self, params):
        """Fail."""
        raise RuntimeError("failed")

    def ask(self, params):
        """Ask the clock; the answer is fired when it comes."""
        if len(self.to_ask) + len(self.answers) >= WAITING:
            raise RuntimeError(f"{WAITING} wait already")
        self.to_ask.append(params)

    def answered(self, status, value):
        """Keep an answer until it can be fired."""
        self.answers.append([status, value])


def integer(params):
    """Give an integer as it is."""
    if isinstance(params, bool) or not isinstance(params, int):
        raise ValueError("an integer is expected")
    return params
