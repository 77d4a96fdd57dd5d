// The table of entries, the newest first.

const PREVIEW = 160; // characters of data in a row
const HUES = 12;

const byId = (id) => document.getElementById(id);
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const date = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

export class Log {
  #list = byId("log");
  #template = byId("row").content.firstElementChild;
  #entries = []; // oldest first
  #rows = 1;
  #wanted = { sender: "", event: "" };
  #frozen = null; // the entries when it was paused
  #shown = new WeakMap(); // of a row: its entry

  constructor() {
    this.#list.addEventListener("click", (event) => {
      const entry = event.target.closest("button") && this.#shown.get(event.target.closest("li"));
      if (entry) showDetails(entry);
    });
  }

  // Takes entries [number, time, sender, event, data, size]; `reset` forgets those before. Keeps `rows` of all.
  take(entries, reset, rows) {
    const whole = reset || rows < this.#rows;
    this.#rows = rows;
    this.#entries = (reset ? entries : this.#entries.concat(entries)).slice(-rows);
    if (this.#frozen) return;
    if (whole) this.#showAll();
    else this.#show(entries);
  }

  // Shows only entries whose names contain these texts.
  filter(wanted) {
    this.#wanted = wanted;
    this.#showAll();
  }

  pause(paused) {
    this.#frozen = paused ? this.#entries : null;
    this.#showAll();
  }

  get isEmpty() {
    return this.#list.childElementCount === 0;
  }

  get hasEntries() {
    return this.#current.length > 0;
  }

  get #current() {
    return this.#frozen ?? this.#entries;
  }

  #showAll() {
    this.#list.replaceChildren();
    this.#show(this.#current);
  }

  #show(entries) {
    const fragment = document.createDocumentFragment();
    for (const entry of entries) if (this.#isWanted(entry)) fragment.prepend(this.#row(entry));
    this.#list.prepend(fragment);
    const oldest = this.#current[0]?.[0] ?? Infinity;
    while (this.#list.lastElementChild && !(this.#shown.get(this.#list.lastElementChild)?.[0] >= oldest)) {
      this.#list.lastElementChild.remove();
    }
  }

  #isWanted([, , sender, event]) {
    return contains(sender, this.#wanted.sender) && contains(event, this.#wanted.event);
  }

  #row(entry) {
    const [number, time, sender, event, data, size] = entry;
    const row = this.#template.cloneNode(true);
    const [timeCell, senderCell, eventCell, dataCell] = row.children;
    timeCell.firstElementChild.textContent = clockOf(time);
    name(senderCell, sender);
    name(eventCell, event);
    dataCell.textContent = data.slice(0, PREVIEW).replace(/[\uD800-\uDBFF]$/, "");
    if (size > PREVIEW) dataCell.append("… ", more(size));
    row.style.setProperty("--hue", hueOf(sender));
    this.#shown.set(row, entry);
    return row;
  }
}

function contains(name, text) {
  return text === "" || name.toLowerCase().includes(text);
}

function name(cell, text) {
  cell.textContent = cell.title = text;
}

function more(size) {
  const button = document.createElement("button");
  button.className = "more";
  button.textContent = `all ${size.toLocaleString()} characters`;
  return button;
}

function clockOf(time) {
  return clock.format(time * 1000) + "." + String(Math.floor(time * 1000) % 1000).padStart(3, "0");
}

// Gives each sender a colour of its own, the same one every time.
function hueOf(sender) {
  let hash = 7;
  for (const character of sender) hash = (hash * 31 + character.codePointAt(0)) % 9973;
  return (hash % HUES) * (360 / HUES);
}

function showDetails([number, time, sender, event, data, size]) {
  byId("details-title").textContent = `Event ${number.toLocaleString()}`;
  byId("details-time").textContent = `${date.format(time * 1000)} (${clockOf(time)})`;
  byId("details-sender").textContent = sender;
  byId("details-event").textContent = event;
  byId("details-data").textContent = data + (size > data.length ? "…" : "");
  byId("details-more").hidden = size <= data.length;
  byId("details-more").firstElementChild.href = `/entry?number=${number}`;
  byId("details").showModal();
}
