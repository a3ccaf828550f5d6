// The sources pane: a number in an answer opens the passage it rests on.
const aside = document.getElementById("sources");
const body = document.getElementById("sources-body");
const isDocked = () => matchMedia("(min-width: 75rem)").matches;
let opener = null;
let shown = "";
let loading = Promise.resolve(true);

/** Fill the pane; false when something else was asked for meanwhile. */
async function load(address) {
  body.setAttribute("aria-busy", "true");
  const response = await fetch(address, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (shown !== address) return false;
  if (!response?.ok || response.redirected) { location.assign(address); return false; }
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  body.replaceChildren(...page.body.childNodes);
  body.removeAttribute("aria-busy");
  body.querySelector("mark")?.scrollIntoView({ block: "nearest" });
  return true;
}

async function open(element, takeFocus) {
  const run = element.closest("[data-run]").dataset.run;
  const address = `/runs/${run}/sources/${element.dataset.cite}/`;
  for (const other of document.querySelectorAll("button.cite[aria-expanded]")) other.removeAttribute("aria-expanded");
  if (element.matches("button.cite")) element.setAttribute("aria-expanded", "true");
  if (takeFocus && !aside.contains(element)) opener = element;
  if (shown !== address) { shown = address; loading = load(address); }
  if (!(await loading)) return;
  aside.toggleAttribute("data-open", true);
  if (takeFocus) body.querySelector(".source")?.focus();
}

function close() {
  aside.toggleAttribute("data-open", false);
  for (const other of document.querySelectorAll("button.cite[aria-expanded]")) other.removeAttribute("aria-expanded");
  if (opener?.isConnected) opener.focus();
}

if (aside) {
  document.addEventListener("click", (event) => {
    const element = event.target.closest("[data-cite]");
    if (element && !event.ctrlKey && !event.metaKey) { event.preventDefault(); open(element, true); }
    if (event.target.closest("[data-close-sources]")) close();
  });
  // With room beside the answer, moving to a number is enough to see its passage.
  document.addEventListener("focusin", (event) => {
    if (isDocked() && event.target.matches("button.cite") && event.target.matches(":focus-visible")) open(event.target, false);
  });
}
