// Runs before the first paint, so that a chosen theme never flashes. The switch itself is in ui.js.
(() => {
  try {
    const chosen = localStorage.getItem("theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch { /* storage is refused: the system's theme it is */ }
})();
