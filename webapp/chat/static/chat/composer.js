// The question field: keeps its draft, grows, sends with Enter, says which collections are searched.
import { pane } from "./scroll.js";

const form = document.getElementById("composer");

function store(value) {
  try { value ? localStorage.setItem(form.dataset.draft, value) : localStorage.removeItem(form.dataset.draft); } catch { /* refused */ }
}

function stored() { try { return localStorage.getItem(form.dataset.draft) ?? ""; } catch { return ""; } }

function setQuestion(field, text) {
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
}

function describePicked() {
  const label = form.querySelector("[data-picked]");
  if (!label) return;
  const count = form.querySelectorAll("[name=collections]:checked").length;
  label.textContent = count === 0 ? label.dataset.all : count === 1 ? label.dataset.one : label.dataset.many.replace("{n}", count);
}

function showError(text) {
  const place = document.getElementById("composer-error");
  place.textContent = text;
  place.hidden = !text;
}

if (form) {
  const field = form.elements.question;
  if (!field.value) field.value = stored();
  field.addEventListener("input", () => store(field.value));
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    if (field.value.trim()) form.requestSubmit();
  });
  form.addEventListener("change", describePicked);
  form.addEventListener("keydown", (event) => {
    const picker = event.key === "Escape" && form.querySelector(".picker[open]");
    if (picker) { picker.open = false; picker.querySelector("summary").focus(); event.stopPropagation(); }
  });
  document.addEventListener("click", (event) => {
    const picker = form.querySelector(".picker[open]");
    if (picker && !picker.contains(event.target)) picker.open = false;
    if (event.target.closest("[data-starter]")) setQuestion(field, event.target.closest("[data-starter]").textContent.trim());
    const edit = event.target.closest("[data-edit]");
    if (edit) setQuestion(field, edit.closest(".run").querySelector(".question").textContent);
  });
  // Without htmx the browser sends the form and loads the conversation; the draft has then been sent.
  form.addEventListener("submit", () => { if (!form.hasAttribute("hx-post")) store(""); });
  form.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) { field.value = ""; store(""); showError(""); }
    else showError(event.detail.xhr?.status === 422 ? event.detail.xhr.responseText : "");
    field.focus({ preventScroll: true });
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target?.id === "runs") pane().scrollTop = pane().scrollHeight;
  });
  describePicked();
  // A conversation opens at its end, unless the address names a place in it.
  if (!location.hash && document.getElementById("runs")) pane().scrollTop = pane().scrollHeight;
}

async function copy(button) {
  const answer = button.closest(".run").querySelector("[data-answer]");
  const text = answer.innerText;
  try { await navigator.clipboard.writeText(text); } catch {
    const area = Object.assign(document.createElement("textarea"), { value: text });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  const label = button.querySelector("span");
  const before = label.textContent;
  label.textContent = button.dataset.copied;
  setTimeout(() => { label.textContent = before; }, 2000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
});
