// Keeps the age of the readings counting between two fetches, takes the live mark away when they are out of date,
// and reads a chart's lines out under the pointer. Words come from the page.
const UNITS = [["day", 86400, 2 * 86400], ["hour", 3600, 3600], ["minute", 60, 60], ["second", 1, 0]];
const arrived = new WeakMap();

function words(labels, seconds) {
  const [name, size] = UNITS.find(([, , from]) => seconds >= from);
  const n = Math.floor(seconds / size);
  return (labels[n === 1 ? name : `${name}s`] ?? "").replace("{n}", String(n));
}

/** The server's age of the readings plus the time since they came: this machine's clock may be wrong, its pace is not. */
function count(element) {
  if (!arrived.has(element)) arrived.set(element, Date.now());
  const seconds = Number(element.dataset.age) + Math.max(0, Date.now() - arrived.get(element)) / 1000;
  element.querySelector("[data-age-text]").textContent = words(JSON.parse(element.dataset.ageLabels), seconds);
  const stale = seconds > Number(element.dataset.staleAfter);
  element.querySelector("[data-live-dot]").hidden = stale || element.dataset.live !== "yes";
  if (stale === element.classList.contains("is-stale") && !stale) return;
  element.classList.toggle("is-stale", stale);
  const notice = element.querySelector("[data-stale-notice]");
  if (stale && notice.hidden) element.querySelector("[data-stale-status]").textContent = notice.querySelector("strong").textContent;
  notice.hidden = !stale;
}

function countAll() {
  for (const element of document.querySelectorAll("[data-freshness][data-age]")) count(element);
}

/** Points of a path as [x, y]; the server writes nothing but M, L and h0. */
function pointsOf(path) {
  path.points ??= [...path.getAttribute("d").matchAll(/[ML]([\d.]+) ([\d.]+)/g)].map((match) => [Number(match[1]), Number(match[2])]);
  return path.points;
}

function nearest(points, x) {
  return points.reduce((best, point) => (Math.abs(point[0] - x) < Math.abs(best[0] - x) ? point : best), points[0]);
}

function readOut(event) {
  const plot = event.target.closest?.("[data-plot]");
  for (const old of document.querySelectorAll(".readout")) if (old.parentElement !== plot?.parentElement) old.remove();
  if (!plot) return;
  const frame = plot.getBoundingClientRect();
  const [width, height] = plot.querySelector("svg").getAttribute("viewBox").split(" ").slice(2).map(Number);
  const x = ((event.clientX - frame.left) / frame.width) * width;
  const box = plot.parentElement.querySelector(".readout") ?? plot.parentElement.appendChild(Object.assign(document.createElement("div"), { className: "readout" }));
  box.setAttribute("aria-hidden", "true");
  box.replaceChildren();
  const lines = Object.groupBy(plot.querySelectorAll("[data-line]"), (path) => path.dataset.line);
  for (const [name, paths] of Object.entries(lines)) {
    const point = nearest(paths.flatMap(pointsOf), x);
    if (Math.abs(point[0] - x) > width / 25) continue;
    const value = (1 - point[1] / height) * Number(plot.dataset.top);
    const line = document.createElement("p");
    line.append(name, Object.assign(document.createElement("strong"), { textContent: `${value.toFixed(Number(plot.dataset.decimals))} ${plot.dataset.unit}` }));
    box.append(line);
  }
  if (!box.childElementCount) { box.remove(); return; }
  const left = event.clientX - plot.parentElement.getBoundingClientRect().left;
  box.style.left = `${Math.max(0, Math.min(left + 12, plot.parentElement.clientWidth - box.offsetWidth))}px`;
  box.style.top = "0";
}

document.addEventListener("pointermove", readOut);
document.addEventListener("htmx:afterSettle", countAll);
addEventListener("pageshow", countAll);
setInterval(countAll, 1000);
countAll();
