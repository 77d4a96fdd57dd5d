// The page: what comes from the stream goes to its places, what is pressed to the logger.

import { Feed } from "./feed.js";
import { Log } from "./log.js";
import { Rate } from "./rate.js";
import { Registrations, ask } from "./registrations.js";

const byId = (id) => document.getElementById(id);
const log = new Log();
const rate = new Rate();
const registrations = new Registrations();
let skipped = 0;
let state = null;

function take(message) {
  state = message.state;
  skipped += message.skipped;
  log.take(message.entries, message.reset, state.rows);
  rate.take(state.received, message.reset);
  registrations.take(state.registrations);
  figure("received", state.received);
  figure("skipped", skipped);
  figure("lost", state.lost);
  if (document.activeElement !== byId("limit")) byId("limit").value = state.limit;
  tellLink(state.link, LINKS[state.link].replace("%", state.url), state.reason);
  tellEmpty();
}

const LINKS = {
  connected: "%",
  connecting: "no server yet at %",
  reconnecting: "server away: %",
};

function tellLink(name, text, reason) {
  const link = byId("link");
  link.dataset.state = name;
  link.title = name === "connected" ? "" : reason;
  if (link.firstElementChild.textContent !== text) link.firstElementChild.textContent = text;
}

function tellEmpty() {
  const empty = byId("empty");
  empty.hidden = !log.isEmpty;
  if (empty.hidden) return;
  if (log.hasEntries) empty.textContent = "No event in the log matches.";
  else if (state?.registrations.length) empty.textContent = "No events yet.";
  else empty.textContent = "Nothing is listened to: add a registration.";
}

function figure(id, count) {
  byId(id).textContent = count.toLocaleString();
  byId(id).parentElement.classList.toggle("some", count > 0);
}

function filter() {
  const texts = ["sender", "event"].map((id) => [id, byId(id).value.trim().toLowerCase()]);
  log.filter(Object.fromEntries(texts));
  tellEmpty();
}

function pause() {
  const button = byId("pause");
  const paused = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", paused);
  button.textContent = paused ? "Resume" : "Pause";
  document.body.classList.toggle("paused", paused);
  log.pause(paused);
  tellEmpty();
}

byId("registrations").open = matchMedia("(min-width: 60rem)").matches;
byId("sender").addEventListener("input", filter);
byId("event").addEventListener("input", filter);
byId("pause").addEventListener("click", pause);
byId("clear").addEventListener("click", () => ask("/clear"));
byId("tools").addEventListener("submit", (event) => event.preventDefault());
byId("limit").addEventListener("change", () => {
  if (byId("limit").reportValidity()) ask("/config", { limit: byId("limit").value });
});

const only = new URLSearchParams(location.search);
only.delete("fmt");
new Feed(`/events?${only}`, take, () => tellLink("lost", "the logger does not answer", ""));
