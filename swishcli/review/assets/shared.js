"use strict";
// What the pages of recordings and their index share: the data, elements, times, labels, corrections kept here.

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);

/** An element with properties and children; text is only ever text. */
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** Seconds as people read them: 0:06.04, 1:02:05.00. */
function clock(seconds, decimals = 2) {
  const unit = 10 ** decimals;
  const total = Math.round(Math.max(0, seconds) * unit);
  const rest = total % (60 * unit);
  const minutes = Math.floor(total / (60 * unit));
  const hours = Math.floor(minutes / 60);
  const text = (rest / unit).toFixed(decimals).padStart(decimals ? 3 + decimals : 2, "0");
  return hours ? `${hours}:${String(minutes % 60).padStart(2, "0")}:${text}` : `${minutes}:${text}`;
}

const percent = (share) => `${Math.round(100 * share)} %`;

/** The letter of a class on its colour. */
function chip(label) {
  const made = element("span", { className: "chip", textContent: label.letter, "aria-hidden": "true" });
  made.style.background = label.color;
  made.style.color = label.ink;
  return made;
}

/** Corrections in this browser: there are none where it keeps nothing. */
const kept = {
  key: (id) => `swish-review:${id}`,
  get(id) {
    try {
      return JSON.parse(localStorage.getItem(this.key(id)));
    } catch {
      return null;
    }
  },
  set(id, value) {
    try {
      if (value === null) localStorage.removeItem(this.key(id));
      else localStorage.setItem(this.key(id), JSON.stringify(value));
      return true;
    } catch {
      return false;
    }
  },
};

/** Have the browser save a text as a file. */
function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  const link = element("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/** Whether single keys may act while this element has the focus. */
function takesKeys(target) {
  const dialog = target.closest("dialog");
  if (dialog) return !dialog.open; // one that has just closed keeps the focus for a moment
  return !target.closest("input, select, textarea");
}
