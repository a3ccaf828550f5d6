// Streamed text for screen readers: whole sentences, politely, rather than tokens.
const SENTENCE = /^[\s\S]*?[.!?:](?=\s)\s*/;

export class Announcer {
  #rest = "";

  add(text) {
    this.#rest += text;
    for (let match = SENTENCE.exec(this.#rest); match; match = SENTENCE.exec(this.#rest)) {
      this.say(match[0].trim());
      this.#rest = this.#rest.slice(match[0].length);
    }
  }

  finish(closing) {
    if (this.#rest.trim()) this.say(this.#rest.trim());
    this.#rest = "";
    if (closing) this.say(closing);
  }

  reset() { this.#rest = ""; }

  say(text) {
    const region = document.getElementById("announcer");
    if (!region || !text) return;
    const line = document.createElement("p");
    line.textContent = text;
    region.append(line);
    while (region.children.length > 20) region.firstElementChild.remove();
  }
}
