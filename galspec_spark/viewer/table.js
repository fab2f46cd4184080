// The table of spectra: search, group, sort, selection, CSV.

const SHOWN = [
  { name: "spectrum_id", title: "Spectrum", isText: true },
  { name: "class", title: "Class", isText: true },
  { name: "probability", title: "P(AGN)", digits: 3 },
  { name: "label", title: "Label", isText: true },
  { name: "z", title: "z", digits: 4 },
  { name: "sn_median", title: "S/N", digits: 1, narrow: "off" },
  { name: "flags", title: "Flags", isText: true, narrow: "off" },
];

function groupsOf(data) {
  const { columns } = data;
  const has = (name) => {
    const bit = 1 << data.flags.find((flag) => flag.name === name).bit;
    return (row) => (columns.flags[row] & bit) !== 0;
  };
  const special = {
    AGN: (row) => columns.class[row] === data.agn,
    abstained: (row) => columns.class[row] === data.abstain,
    "label differs": has("LABEL_DIFFERS"),
    outliers: has("OUTLIER"),
  };
  return {
    "all spectra": () => true,
    ...special,
    "misclassified in the test split": (row) => special["label differs"](row) && columns.split[row] === "test",
    "the rest": (row) => !Object.values(special).some((holds) => holds(row)),
    ...Object.fromEntries(data.classes.filter((name) => name !== data.agn).map((name) => [`class ${name}`, (row) => columns.class[row] === name])),
  };
}

class SpectraTable {
  constructor(data, parts, choose) {
    this.data = data;
    this.parts = parts; // head, body, box, count
    this.choose = choose;
    this.groups = groupsOf(data);
    this.group = "all spectra";
    this.words = [];
    this.order = data.columns.spectrum_id.map((_, row) => row);
    this.sort = null; // { name, isDescending }
    this.chosen = null;
    this._makeHead();
    this.made = this.order.map((row) => this._makeRow(row));
    this.texts = this.order.map((row) => this._textOf(row));
    this.update();
  }

  update() {
    const holds = this.groups[this.group];
    this.rows = this.order.filter((row) => holds(row) && this.words.every((word) => this.texts[row].includes(word)));
    this.parts.body.replaceChildren(...this.rows.map((row) => this.made[row]));
    const total = this.order.length;
    this.parts.count.textContent = this.rows.length === total ? `${total} spectra` : `${this.rows.length} of ${total} spectra`;
  }

  search(text) {
    this.words = text.toLowerCase().split(/\s+/).filter(Boolean);
    this.update();
  }

  sortBy(name) {
    const isDescending = this.sort !== null && this.sort.name === name && !this.sort.isDescending;
    this.sort = { name, isDescending };
    const values = this.data.columns[name], sign = isDescending ? -1 : 1;
    const isMissing = (row) => values[row] === null;
    this.order.sort((a, b) => {
      if (isMissing(a) || isMissing(b)) return isMissing(a) - isMissing(b) || a - b; // missing last
      return sign * (values[a] > values[b] ? 1 : values[a] < values[b] ? -1 : 0) || a - b;
    });
    for (const cell of this.parts.head.children) {
      cell.setAttribute("aria-sort", cell.dataset.name !== name ? "none" : isDescending ? "descending" : "ascending");
    }
    this.update();
  }

  select(row) {
    if (this.chosen !== null) this.made[this.chosen].removeAttribute("aria-current");
    this.chosen = row;
    this.made[row].setAttribute("aria-current", "true");
    this._scrollTo(this.made[row]);
    this.choose(row);
  }

  // Selects a row some places further in the list.
  move(places) {
    if (!this.rows.length) return;
    const at = this.rows.indexOf(this.chosen);
    const next = at < 0 ? 0 : Math.min(Math.max(at + places, 0), this.rows.length - 1);
    this.select(this.rows[next]);
  }

  csv() {
    const { columns } = this.data, names = Object.keys(columns);
    const quoted = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
    const lines = this.rows.map((row) => names.map((name) => quoted(String(columns[name][row] ?? ""))).join(","));
    return [names.join(","), ...lines, ""].join("\r\n");
  }

  // Scrolls the table's own box: the page stays where it is.
  _scrollTo(made) {
    const box = this.parts.box, head = this.parts.head.offsetHeight;
    const top = made.offsetTop, bottom = top + made.offsetHeight;
    if (top - head < box.scrollTop) box.scrollTop = top - head;
    else if (bottom > box.scrollTop + box.clientHeight) box.scrollTop = bottom - box.clientHeight;
  }

  _makeHead() {
    for (const column of SHOWN) {
      const cell = element("th", undefined, this._styleOf(column)), button = element("button", column.title);
      cell.scope = "col";
      cell.dataset.name = column.name;
      cell.setAttribute("aria-sort", "none");
      button.type = "button";
      button.addEventListener("click", () => this.sortBy(column.name));
      cell.append(button);
      this.parts.head.append(cell);
    }
  }

  _makeRow(row) {
    const made = element("tr");
    for (const column of SHOWN) made.append(element("td", this._cell(column, row), this._styleOf(column, row)));
    made.addEventListener("click", () => this.select(row));
    return made;
  }

  _cell(column, row) {
    const value = this.data.columns[column.name][row];
    if (column.name === "label") return className(this.data, value);
    if (column.name === "flags") return flagsOf(this.data, row).map((flag) => flag.name).join(" ");
    return column.isText ? value : number(value, column.digits);
  }

  _styleOf(column, row) {
    const isAgn = column.name === "class" && this.data.columns.class[row] === this.data.agn;
    const styles = [column.isText && "text", column.narrow && "narrow-off", column.name === "flags" && "flags", isAgn && "agn"];
    return styles.filter(Boolean).join(" ");
  }

  _textOf(row) {
    const { columns } = this.data;
    const words = SHOWN.filter((column) => column.isText).map((column) => this._cell(column, row));
    return [...words, columns.reason[row], columns.object_id[row], columns.formula_subclass[row]].join(" ").toLowerCase();
  }
}
