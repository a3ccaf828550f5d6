// The question field: keeps its draft, grows, sends with Enter, says which collections are searched.
import { pane } from "./scroll.js";

const FORGET_MS = 10_000;
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

/** A question that the page before this one sent has arrived if this one is a conversation; else its draft is kept. */
function forgetSentDraft() {
  try {
    const name = sessionStorage.getItem("sent");
    sessionStorage.removeItem("sent");
    if (name && document.getElementById("runs")) localStorage.removeItem(name);
  } catch { /* refused */ }
}

function describePicked() {
  const label = form.querySelector("[data-picked]");
  if (!label) return;
  const count = form.querySelectorAll("[name=collections]:checked").length;
  label.textContent = count === 0 ? label.dataset.all : count === 1 ? label.dataset.one : label.dataset.many.replace("{n}", count);
}

/** Whether a request has brought an answer to follow; anything else (a page, nothing) leaves the question where it is. */
function broughtRun(xhr) {
  return xhr?.status === 200 && new DOMParser().parseFromString(xhr.responseText, "text/html").querySelector("article.run") !== null;
}

function describeFailure(xhr) {
  const status = xhr?.status ?? 0;
  if (status === 422) return xhr.responseText;
  if (status === 401) return ""; // on the way to the log-in page
  return form.dataset[{ 0: "errorOffline", 403: "errorForbidden", 404: "errorGone", 413: "errorLong" }[status] ?? "errorOther"];
}

function showError(text) {
  const place = document.getElementById("composer-error");
  place.textContent = text;
  place.hidden = !text;
}

if (form) {
  const field = form.elements.question;
  let sending = false;
  if (!field.value) field.value = stored();
  field.addEventListener("input", () => store(field.value));
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    if (field.value.trim() && !event.repeat) form.requestSubmit();
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
  // One question at a time, however often Enter is pressed.
  form.addEventListener("submit", (event) => {
    if (sending) { event.preventDefault(); event.stopImmediatePropagation(); return; }
    sending = true;
    setTimeout(() => { sending = false; }, FORGET_MS); // in case the browser was told to stop loading
    showError("");
    // Without htmx the browser sends the form and loads the conversation, whose address says that the question has arrived.
    if (!form.hasAttribute("hx-post")) try { sessionStorage.setItem("sent", form.dataset.draft); } catch { /* refused */ }
  }, { capture: true });
  addEventListener("pageshow", () => { sending = false; });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target?.id === "runs" && !broughtRun(event.detail.xhr)) event.detail.shouldSwap = false;
  });
  form.addEventListener("htmx:afterRequest", (event) => {
    sending = false;
    if (broughtRun(event.detail.xhr)) { field.value = ""; store(""); showError(""); }
    else showError(describeFailure(event.detail.xhr));
    field.focus({ preventScroll: true });
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target?.id === "runs") pane().scrollTop = pane().scrollHeight;
  });
  describePicked();
  forgetSentDraft();
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
