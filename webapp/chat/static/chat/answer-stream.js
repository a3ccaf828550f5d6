// <answer-stream>: follows a run's events and shows them. The browser's EventSource reconnects by itself and sends the last
// event's number, so nothing is lost or shown twice; a page that is loaded again replays the run from its first event.
// When the run has ended, the server's own rendering of the answer takes this element's place.
import { Announcer } from "./announcer.js";
import { keepingPlace } from "./scroll.js";

const EVENTS = ["run_queued", "run_started", "step_started", "sources", "generation_started", "token", "generation_restarted",
  "waiting_for_engine", "citations", "answer", "run_finished", "run_failed", "run_cancelled"];
const RETRY_MS = 2000;

class AnswerStream extends HTMLElement {
  #source = null;
  #labels = {};
  #announcer = new Announcer();
  #seen = 0;
  #stopping = false;

  connectedCallback() {
    this.#labels = JSON.parse(this.dataset.labels);
    this.querySelector("[data-stop-form]").addEventListener("submit", (event) => this.#stop(event));
    this.#open();
  }

  disconnectedCallback() { this.#source?.close(); }

  #open() {
    const address = new URL(this.dataset.events, location.href);
    if (this.#seen) address.searchParams.set("after", this.#seen);
    this.#source = new EventSource(address);
    for (const type of EVENTS) {
      this.#source.addEventListener(type, (event) => {
        const number = Number(event.lastEventId);
        if (number && number <= this.#seen) return;
        if (number) this.#seen = number;
        this.#show(type, JSON.parse(event.data || "{}"));
      });
    }
    this.#source.addEventListener("error", () => {
      this.#status("reconnecting");
      if (this.#source.readyState === EventSource.CLOSED) setTimeout(() => this.#recover(), RETRY_MS);
    });
  }

  // The browser gave up (the answer was not an event stream). Perhaps the run has ended, or the session has.
  async #recover() {
    if (!this.isConnected) return;
    if (!(await this.#replace())) this.#open();
  }

  #show(type, data) {
    switch (type) {
      case "token": this.#append(data.text ?? ""); break;
      case "step_started": if (this.#labels[data.node]) this.#status(data.node); else if (data.label) this.#text(data.label); break;
      case "sources": this.#sources((data.passages ?? []).length); break;
      case "generation_restarted": this.#restart(data); break;
      case "waiting_for_engine": this.#status("waiting_for_engine", { seconds: Math.ceil(data.retry_in_seconds ?? 1) }); break;
      case "run_finished": this.#finish("finished"); break;
      case "run_failed": this.#finish("failed"); break;
      case "run_cancelled": this.#finish("cancelled"); break;
      default: this.#status(type);
    }
  }

  #append(text) {
    this.#announcer.add(text);
    keepingPlace(() => this.querySelector("[data-draft]").append(document.createTextNode(text)));
    this.#status("generation_started");
  }

  #sources(count) {
    this.#status(count === 0 ? "sources_none" : count === 1 ? "sources_one" : "sources_many", { n: count });
  }

  #restart(data) {
    const label = String(data.reason ?? "").includes("engine") ? "restarted_engine" : "restarted";
    const text = this.#label(label, { attempt: data.attempt ?? 2 });
    this.#announcer.reset();
    this.#announcer.say(text);
    keepingPlace(() => {
      this.querySelector("[data-draft]").replaceChildren();
      this.querySelector("[data-restart-text]").textContent = text;
      this.querySelector("[data-restart]").hidden = false;
    });
  }

  #label(name, values = {}) {
    return (this.#labels[name] ?? "").replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
  }

  #status(name, values) {
    const text = this.#label(name, values);
    if (text && !(this.#stopping && name !== "reconnecting")) this.#text(text);
  }

  #text(text) {
    const status = this.querySelector("[data-status]");
    if (status.textContent !== text) status.textContent = text;
  }

  async #finish(label) {
    this.#source.close();
    this.#announcer.finish(this.#label(label));
    while (this.isConnected && !(await this.#replace())) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }

  /** Put the server's rendering in place if the run has ended; false when it has not, or cannot be fetched now. */
  async #replace() {
    try {
      const response = await fetch(this.dataset.final, { headers: { "HX-Request": "true" } });
      if (response.redirected || response.headers.has("HX-Redirect")) { location.reload(); return true; }
      if (response.status === 404) { location.assign("/"); return true; }
      if (!response.ok) return false;
      const fresh = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("article");
      if (!fresh || fresh.querySelector("answer-stream")) return false;
      const hadFocus = this.contains(document.activeElement);
      const article = this.closest("article");
      keepingPlace(() => article.replaceWith(fresh));
      window.htmx?.process(fresh);
      if (hadFocus) document.getElementById("question")?.focus({ preventScroll: true });
      return true;
    } catch { return false; }
  }

  async #stop(event) {
    event.preventDefault();
    this.#status("stopping");
    this.#stopping = true;
    const form = event.target;
    try {
      const response = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { "HX-Request": "true" } });
      if (!response.ok) throw new Error(String(response.status));
    } catch {
      this.#stopping = false;
      this.#status("refused");
    }
  }
}

customElements.define("answer-stream", AnswerStream);
