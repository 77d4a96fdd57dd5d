// What the logger listens to, and how that is changed.

const byId = (id) => document.getElementById(id);

// Asks for a change; gives whether it was made, and says why it was not.
export async function ask(path, parameters = {}) {
  try {
    const response = await fetch(`${path}?${new URLSearchParams(parameters)}`, { method: "POST" });
    const text = response.ok ? "" : (await response.text()).trim();
    byId("answer").textContent = text;
    if (text) byId("registrations").open = true;
    return response.ok;
  } catch {
    byId("answer").textContent = "The logger does not answer.";
    return false;
  }
}

export class Registrations {
  #list = byId("patterns");
  #template = byId("pattern").content.firstElementChild;
  #told = "";

  constructor() {
    const form = byId("add");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (await ask("/add", Object.fromEntries(new FormData(form)))) form.reset();
    });
  }

  // Takes registrations [sender, event, whether it is made, what is wrong].
  take(registrations) {
    const told = JSON.stringify(registrations);
    if (told === this.#told) return;
    this.#told = told;
    this.#list.replaceChildren(...registrations.map((each) => this.#item(each)));
    byId("count").textContent = registrations.length;
  }

  #item([sender, event, made, problem]) {
    const item = this.#template.cloneNode(true);
    const [names, note, button] = item.children;
    names.children[0].textContent = sender === "None" ? "any sender" : sender;
    names.children[0].classList.toggle("any", sender === "None");
    names.children[1].textContent = event === "None" ? "any event" : event;
    names.children[1].classList.toggle("any", event === "None");
    note.textContent = made ? "" : problem || "waiting for the server";
    button.setAttribute("aria-label", `Remove ${sender}:${event}`);
    button.addEventListener("click", () => ask("/remove", { sender, event }));
    return item;
  }
}
