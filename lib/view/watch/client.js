// Follows the page's source: takes sections that have changed, and keeps what the reader has chosen.
{
  const status = document.getElementById("live");
  /** Milliseconds before the next attempt to connect: a server that starts again is found soon. */
  const AGAIN = 1500;
  let source, timer, closed = "";

  const show = (kind, text) => {
    status.className = `state ${kind}`;
    // A live region is read aloud when it changes.
    if (status.textContent !== text) status.textContent = text;
  };

  const sections = () => [...document.querySelectorAll("section[data-version]")];

  const connect = () => {
    disconnect();
    const have = sections().map(({ id, dataset }) => `${id}:${dataset.version}`).join(",");
    source = new EventSource(`${location.pathname}?events=${encodeURIComponent(have)}`);
    source.addEventListener("section", ({ data }) => update(JSON.parse(data)));
    source.addEventListener("state", ({ data }) => {
      const { kind, text, title, ids } = JSON.parse(data), there = sections().map(({ id }) => id);
      // Other sections than those of this page: it is another page by now.
      if (ids.length > 0 && ids.join() !== there.join()) return location.reload();
      document.title = title;
      document.querySelector("h1").textContent = title;
      closed = "";
      show(kind, text);
    });
    source.addEventListener("close", ({ data }) => {
      closed = JSON.parse(data).text;
      show("closed", closed);
    });
    source.onerror = () => {
      disconnect();
      // After its farewell the server is tried on, more seldom: it may be started again.
      show(closed ? "closed" : "lost", closed || status.dataset.lost);
      timer = setTimeout(connect, closed ? 3 * AGAIN : AGAIN);
    };
  };

  const disconnect = () => {
    clearTimeout(timer);
    source?.close();
  };

  const update = ({ id, version, html }) => {
    const section = document.getElementById(id);
    if (!section || section.dataset.version === version) return;
    const body = section.querySelector("[data-live]"), fresh = document.createElement("div");
    fresh.innerHTML = html;
    const anchor = anchorOf();
    const selects = [...section.querySelectorAll("select")].map((box) => [box, box.value]);
    const sorted = [...section.querySelectorAll("th[aria-sort]")]
      .map((th) => [th, th.getAttribute("aria-sort")]);
    children(body, fresh);
    section.dataset.version = version;
    for (const [box, value] of selects) {
      if ([...box.options].some((option) => option.value === value)) box.value = value;
      // What a script shows for the choice is made anew.
      box.dispatchEvent(new Event("change", { bubbles: true }));
    }
    for (const [th, order] of sorted) sortAgain(th, order);
    section.dispatchEvent(new Event("qtrain:update", { bubbles: true }));
    const moved = anchor?.element.isConnected
      ? anchor.element.getBoundingClientRect().top - anchor.top
      : 0;
    // Any scrolling would end one that is under way, as to a section that was chosen.
    if (Math.abs(moved) >= 1) scrollBy({ top: moved, behavior: "instant" });
  };

  /** What the reader looks at: it stays where it is when something above it grows. */
  const anchorOf = () => {
    if (scrollY === 0) return undefined;
    const parts = sections().flatMap((
      section,
    ) => [section, ...section.querySelectorAll("h3,figure,tr")]);
    // What has the focus is what the reader is at, if it can be seen.
    const seen = (part) => {
      const { top, bottom } = part.getBoundingClientRect();
      return bottom > 0 && top < innerHeight;
    };
    const focused = document.activeElement;
    const element = focused !== document.body && seen(focused)
      ? focused
      : parts.find((part) => part.getBoundingClientRect().top >= 0);
    return element && { element, top: element.getBoundingClientRect().top };
  };

  /** Clicks a column's heading until it is sorted as before. */
  const sortAgain = (th, order) => {
    for (let i = 0; i < 3 && th.isConnected && th.getAttribute("aria-sort") !== order; i++) {
      (th.querySelector("button") ?? th).click();
    }
  };

  /** Makes the children of a node those of another; nodes that are alike stay, with focus and scroll. */
  const children = (old, fresh) => {
    const before = [...old.childNodes], after = [...fresh.childNodes];
    for (const [i, node] of after.entries()) {
      const there = before[i];
      if (!there) old.append(node);
      else if (!there.isEqualNode(node)) change(there, node);
    }
    for (const node of before.slice(after.length)) node.remove();
  };

  const change = (old, fresh) => {
    if (old.nodeType !== 1 || old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
    const kept = old.nodeName === "DETAILS" ? "open" : "";
    for (const { name } of [...old.attributes]) {
      if (name !== kept && !fresh.hasAttribute(name)) old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (name !== kept && old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    if (old.nodeName === "TEMPLATE") old.innerHTML = fresh.innerHTML;
    // A figure is drawn anew, but keeps its focus.
    else if (old.nodeName === "svg") old.replaceChildren(...fresh.childNodes);
    else children(old, fresh);
  };

  // A browser allows six connections to one place: a page that nobody sees needs none.
  document.addEventListener("visibilitychange", () => document.hidden ? disconnect() : connect());
  addEventListener("pagehide", disconnect);
  addEventListener("pageshow", (event) => event.persisted && connect());
  // Some browsers keep their place by themselves, others do not: twice would be wrong.
  document.documentElement.style.overflowAnchor = "none";
  connect();
}
