// How many events come: a number, and a chart of the last minute.

const SECONDS = 60;

export class Rate {
  #canvas = document.getElementById("chart");
  #number = document.getElementById("rate");
  #counts = new Array(SECONDS).fill(0);
  #received = 0;
  #before = 0;

  constructor() {
    setInterval(() => this.#tick(), 1000);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
    this.#draw();
  }

  // Takes the number of events that came since the logger was started; `anew`: the time before is not known.
  take(received, anew) {
    this.#received = received;
    if (anew) this.#before = received;
  }

  #tick() {
    const count = this.#received - this.#before;
    this.#before = this.#received;
    this.#counts = [...this.#counts.slice(1), count];
    this.#number.textContent = count.toLocaleString();
    this.#draw();
  }

  #draw() {
    const canvas = this.#canvas;
    const width = (canvas.width = canvas.clientWidth * devicePixelRatio);
    const height = (canvas.height = canvas.clientHeight * devicePixelRatio);
    const most = Math.max(1, ...this.#counts);
    const each = width / SECONDS;
    const pen = canvas.getContext("2d");
    pen.fillStyle = getComputedStyle(canvas).color;
    this.#counts.forEach((count, second) => {
      const size = count ? Math.max(0.08, count / most) * height : devicePixelRatio;
      pen.fillRect(second * each, height - size, each * 0.75, size);
    });
  }
}
