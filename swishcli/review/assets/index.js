"use strict";
// The index of a batch: rows that filter and sort as one types.

const labels = data.labels;
const entries = data.entries.map((entry) => ({ ...entry, kept: kept.get(entry.id) }));
const hasReference = entries.some((entry) => entry.disagreement !== null);
const hasCorrections = entries.some((entry) => entry.kept);

/** A recording as a strip of colours. */
function strip(ribbon) {
  const made = element("span", { className: "strip", "aria-hidden": "true" });
  const stops = ribbon.map((label, i) => {
    const color = labels[label].color;
    return `${color} ${(100 * i) / ribbon.length}% ${(100 * (i + 1)) / ribbon.length}%`;
  });
  made.style.background = `linear-gradient(to right, ${stops.join(",")})`;
  return made;
}

/** A cell with a number; nothing where there is none. */
const number = (value, shown = percent) => element("td", { className: "number", textContent: value === null ? "" : shown(value) });

const nameCell = (entry) => {
  const cell = element("th", { scope: "row" }, element("a", { href: entry.href, textContent: entry.name }));
  if (entry.kept) cell.append(element("span", { className: "badge", textContent: entry.kept.downloaded ? "corrected" : "corrected, not downloaded" }));
  return cell;
};

const columns = [
  { heading: "Recording", value: (e) => e.name, cell: nameCell },
  { heading: "Length", value: (e) => e.duration, cell: (e) => number(e.duration, (s) => clock(s, 0)) },
  { heading: "What is where", cell: (e) => element("td", { className: "where" }, strip(e.ribbon)) },
  ...labels.map((label, i) => ({ heading: label.shown, label, value: (e) => e.shares[i], cell: (e) => number(e.shares[i] || null) })),
  { heading: "Sure", value: (e) => e.sure, cell: (e) => number(e.sure) },
  { heading: "Least sure", value: (e) => e.least_sure, cell: (e) => number(e.least_sure) },
  ...(hasReference ? [{ heading: "Differs", value: (e) => e.disagreement, cell: (e) => number(e.disagreement) }] : []),
];

for (const entry of entries) {
  entry.lower = entry.name.toLowerCase();
  entry.row = element("tr", {}, ...columns.map((column) => column.cell(entry)));
}

let sorting = { column: null, down: false };

function filter() {
  const name = $("name").value.toLowerCase().trim();
  const label = Number($("label").value);
  const [share, sure, other] = ["share", "sure", "disagreement"].map((id) => Number($(id).value) / 100);
  let n = 0;
  for (const entry of entries) {
    const shown =
      entry.lower.includes(name) &&
      (!share || entry.shares[label] >= share) &&
      (sure >= 1 || (entry.least_sure !== null && entry.least_sure < sure)) &&
      (!other || (entry.disagreement !== null && entry.disagreement >= other)) &&
      (!$("corrected").checked || entry.kept !== null);
    entry.row.hidden = !shown;
    n += shown;
  }
  $("share-shown").textContent = percent(share);
  $("sure-shown").textContent = sure >= 1 ? "any" : percent(sure);
  $("disagreement-shown").textContent = other ? `at least ${percent(other)}` : "any";
  $("count").textContent = n === entries.length ? `${n} recordings` : `${n} of ${entries.length} recordings`;
  $("nothing").hidden = n > 0;
}

function sortBy(column) {
  sorting = { column, down: sorting.column === column ? !sorting.down : typeof column.value(entries[0]) === "number" };
  const sign = sorting.down ? -1 : 1;
  const sorted = [...entries].sort((a, b) => {
    const [x, y] = [column.value(a), column.value(b)];
    if (x === null || y === null) return (x === null) - (y === null); // what is unknown comes last
    return sign * (typeof x === "number" ? x - y : x.localeCompare(y, undefined, { numeric: true }));
  });
  $("rows").replaceChildren(...sorted.map((entry) => entry.row));
  [...$("head").children].forEach((cell, i) => {
    if (columns[i] === column) cell.setAttribute("aria-sort", sorting.down ? "descending" : "ascending");
    else cell.removeAttribute("aria-sort");
  });
}

function heading(column) {
  const cell = element("th", { scope: "col", className: typeof column.value?.(entries[0]) === "string" || !column.value ? "" : "right" });
  if (!column.value) cell.textContent = column.heading;
  else {
    const button = element("button", { type: "button", className: "sort" });
    if (column.label) button.append(chip(column.label));
    button.append(column.heading);
    button.addEventListener("click", () => sortBy(column));
    cell.append(button);
  }
  return cell;
}

$("head").append(...columns.map(heading));
$("rows").append(...entries.map((entry) => entry.row));
$("label").append(...labels.map((label, i) => element("option", { value: String(i), textContent: label.shown })));
$("disagreement-field").hidden = !hasReference;
$("corrected").closest("label").hidden = !hasCorrections;
$("download").hidden = !hasCorrections;
const seconds = entries.reduce((sum, entry) => sum + entry.duration, 0);
$("facts").textContent = `${entries.length} recordings · ${clock(seconds, 0)}`;
labels.forEach((label, i) => {
  const share = entries.reduce((sum, entry) => sum + entry.shares[i] * entry.duration, 0) / (seconds || 1);
  $("classes").append(element("span", { className: "legend", role: "listitem" }, chip(label), `${label.shown} `,
    element("span", { className: "quiet", textContent: percent(share) })));
});

$("filters").addEventListener("input", filter);
$("filters").addEventListener("reset", () => setTimeout(filter));
$("filters").addEventListener("submit", (event) => event.preventDefault());
$("download").addEventListener("click", () => {
  const lines = entries.filter((entry) => entry.kept).map((entry) => JSON.stringify(entry.kept.result) + "\n");
  download("corrections.jsonl", lines.join(""));
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && takesKeys(event.target)) {
    event.preventDefault();
    $("name").focus();
  }
});
filter();
document.documentElement.dataset.ready = "true";
