// Two small elements. Times are shown as the reader's own clock says them; the chat stays at its end if the
// reader was there.

const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat([], { weekday: "long", day: "numeric", month: "long" });
const full = new Intl.DateTimeFormat([], { dateStyle: "full", timeStyle: "medium" });

function until(at) {
  const seconds = Math.round((at - Date.now()) / 1000);
  if (seconds <= 0) return "a moment";
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

class Moment extends HTMLElement {
  static observedAttributes = ["at", "kind"];

  connectedCallback() {
    this.show();
    if (this.getAttribute("kind") === "until") this.ticking = setInterval(() => this.show(), 1000);
  }

  disconnectedCallback() {
    clearInterval(this.ticking);
  }

  attributeChangedCallback() {
    if (this.isConnected) this.show();
  }

  show() {
    const at = new Date(this.getAttribute("at"));
    if (Number.isNaN(at.getTime())) return;
    const kind = this.getAttribute("kind");
    let text = clock.format(at);
    if (kind === "until") text = until(at);
    if (kind === "day") text = at.toDateString() === new Date().toDateString() ? "Today" : day.format(at);
    if (this.textContent !== text) this.textContent = text;
    this.title = full.format(at);
  }
}

class Stick extends HTMLElement {
  connectedCallback() {
    this.atEnd = true;
    this.addEventListener("scroll", () => {
      this.atEnd = this.scrollHeight - this.scrollTop - this.clientHeight < 48;
    });
    const follow = () => {
      if (this.atEnd) this.scrollTop = this.scrollHeight;
    };
    this.changes = new MutationObserver(follow);
    this.changes.observe(this, { childList: true, subtree: true, attributes: true, characterData: true });
    this.sizes = new ResizeObserver(follow);
    this.sizes.observe(this);
    follow();
  }

  disconnectedCallback() {
    this.changes.disconnect();
    this.sizes.disconnect();
  }
}

customElements.define("u-time", Moment);
customElements.define("u-stick", Stick);
