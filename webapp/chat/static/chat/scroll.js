// The reader's scroll position wins: text that arrives is followed only while the end is in sight.
const NEAR = 96;

export function pane() { return document.getElementById("main"); }

export function isAtEnd() {
  const element = pane();
  return element.scrollHeight - element.scrollTop - element.clientHeight < NEAR;
}

/** Change the page, and stay at its end if the reader was there. */
export function keepingPlace(change) {
  const follow = isAtEnd();
  const before = pane().scrollTop;
  change();
  pane().scrollTop = follow ? pane().scrollHeight : before;
}
