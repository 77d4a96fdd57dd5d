// The live stream: opened again when it ends, when it is silent for too long, and when the page is shown again.

const SILENCE = 12_000; // milliseconds; the server says something every 5 s
const AGAIN = 1_000; // milliseconds until the next attempt

export class Feed {
  #url;
  #tell;
  #lose;
  #source = null;
  #timer = 0;

  // `tell` is called with each message, `lose` when the stream is gone.
  constructor(url, tell, lose) {
    this.#url = url;
    this.#tell = tell;
    this.#lose = lose;
    // A browser opens six streams to one host at most: pages that nobody sees leave them to others.
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#close() : this.#open()));
    if (!document.hidden) this.#open();
  }

  #open() {
    this.#close();
    this.#source = new EventSource(this.#url);
    this.#source.onmessage = (event) => {
      this.#wait(SILENCE);
      this.#tell(JSON.parse(event.data));
    };
    this.#source.onerror = () => this.#lost();
    this.#wait(SILENCE);
  }

  #close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  #wait(milliseconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lost(), milliseconds);
  }

  #lost() {
    this.#close();
    this.#lose();
    this.#timer = setTimeout(() => this.#open(), AGAIN);
  }
}
