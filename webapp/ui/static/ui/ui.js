// What every page shares: theme switch, dialogs, dismissible notices, shortcuts, the offline notice.
// A page's own shortcuts are buttons or fields with data-key; see KEYS.

const remembered = {
  get(name) { try { return localStorage.getItem(name); } catch { return null; } },
  set(name, value) { try { value === null ? localStorage.removeItem(name) : localStorage.setItem(name, value); } catch { /* refused */ } },
};

function showTheme() {
  const theme = remembered.get("theme") ?? "system";
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === theme));
  }
}

function chooseTheme(theme) {
  remembered.set("theme", theme === "system" ? null : theme);
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  showTheme();
}

function shortcutsAreOn() { return remembered.get("shortcuts") !== "off"; }

function press(key) {
  const target = [...document.querySelectorAll(`[data-key="${key}"]`)].find((element) => element.checkVisibility?.() ?? true);
  if (!target) return false;
  if (target.matches("input, textarea")) { target.focus(); target.select?.(); } else target.click();
  return true;
}

function onKey(event) {
  if (!shortcutsAreOn() || event.isComposing) return;
  const command = event.ctrlKey || event.metaKey;
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  let handled = false;
  if (command && !event.shiftKey && event.key.toLowerCase() === "k") handled = press("search");
  else if (command && event.shiftKey && event.key.toLowerCase() === "o") handled = press("new");
  else if (command && event.key === "/") handled = press("shortcuts");
  else if (event.key === "?" && !typing && !command) handled = press("shortcuts");
  else if (event.key === "Escape" && event.shiftKey) handled = press("input");
  else if (event.key === "Escape" && !document.querySelector("dialog[open], :popover-open")) handled = press("close") || press("stop");
  if (handled) event.preventDefault();
}

function onClick(event) {
  const opener = event.target.closest("[data-opens]");
  if (opener) { document.getElementById(opener.dataset.opens)?.showModal(); return; }
  const closer = event.target.closest("[data-closes]");
  if (closer) { closer.closest("dialog")?.close(); return; }
  const dismiss = event.target.closest("[data-dismiss]");
  if (dismiss) { dismiss.closest(".notice")?.remove(); return; }
  const theme = event.target.closest("[data-theme-choice]");
  if (theme) chooseTheme(theme.dataset.themeChoice);
}

/** A request that was refused is said once; a form with data-says-failures has words of its own. */
function sayFailure(event) {
  if (event.detail.xhr.status === 401 || event.target.closest?.("[data-says-failures]")) return;
  if (document.querySelector("[data-failed-request]")) return;
  document.querySelector(".messages")?.append(document.getElementById("failed-request").content.cloneNode(true));
}

function watchConnection() {
  const notice = document.getElementById("offline");
  if (!notice) return;
  const show = () => { notice.hidden = navigator.onLine; };
  addEventListener("online", show);
  addEventListener("offline", show);
  // A request that fails says more than the network card does.
  document.addEventListener("htmx:sendError", () => { notice.hidden = false; });
  document.addEventListener("htmx:afterRequest", (event) => { if (event.detail.successful) notice.hidden = true; });
  show();
}

document.addEventListener("keydown", onKey);
document.addEventListener("click", onClick);
document.addEventListener("htmx:responseError", sayFailure);
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-shortcuts-switch]")) remembered.set("shortcuts", event.target.checked ? null : "off");
});
for (const box of document.querySelectorAll("[data-shortcuts-switch]")) box.checked = shortcutsAreOn();
showTheme();
watchConnection();
