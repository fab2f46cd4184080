// What is known of the chosen spectrum, in words and numbers.

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function number(value, digits) {
  return value === null || value === undefined ? "–" : value.toFixed(digits);
}

function className(data, label) {
  return label === null ? "–" : data.classes[label];
}

function flagsOf(data, row) {
  return data.flags.filter((flag) => data.columns.flags[row] & (1 << flag.bit));
}

function sayVerdict(data, row) {
  const { columns } = data;
  if (columns.reason[row]) return `${columns.class[row]}: left out, ${columns.reason[row]}`;
  const said = columns.label[row] === null ? "without a label" : `labelled ${className(data, columns.label[row])}`;
  return `${columns.class[row]}, probability of AGN ${number(columns.probability[row], 3)} (AGN from ${number(data.threshold, 3)} on), ${said}`;
}

function facts(data, row) {
  const of = (name) => data.columns[name][row];
  const source = of("label_source") ? ` (by ${of("label_source") === "person" ? "a person" : "the survey"})` : "";
  const formula = of("formula_subclass") === null ? "–" : of("formula_subclass") || "none";
  const margin = of("formula_margin") === null ? "" : `, ${number(of("formula_margin"), 1)} σ from AGN's limit, ${number(of("formula_survival"), 2)} to stay`;
  return [
    ["Class", of("class")],
    ["Probability of AGN", `${number(of("probability"), 4)}, margin ${number(of("margin"), 4)}`],
    ["Prediction set", of("prediction_set") ?? "–"],
    ["Label", className(data, of("label")) + source],
    ["Formula on the lines", formula + margin],
    ["Left out", of("reason") ?? "no"],
    ["Split", of("split") ?? "none"],
    ["Redshift", number(of("z"), 5)],
    ["S/N of a pixel", number(of("sn_median"), 2)],
    ["Coverage", number(of("coverage"), 3)],
    ["Reconstruction error", number(of("reconstruction_error"), 4)],
    ["RA, Dec (deg)", `${number(of("ra"), 5)}, ${number(of("dec"), 5)}`],
    ["Object", of("object_id") ?? "–"],
    ["Survey, release", `${of("survey")}, ${of("release")}${of("simulated") ? ", simulated" : ""}`],
  ];
}

function fillFacts(list, data, row) {
  list.replaceChildren();
  const add = (name, ...values) => {
    const entry = element("div");
    const value = element("dd");
    value.append(...values);
    entry.append(element("dt", name), value);
    list.append(entry);
  };
  for (const [name, value] of facts(data, row)) add(name, value);
  const flags = flagsOf(data, row);
  add("Flags", ...(flags.length ? flags.map((flag) => element("p", `${flag.name}: ${flag.meaning}`)) : ["none"]));
  if (data.links[row]) {
    const link = element("a", "the spectrum at the survey");
    link.href = data.links[row];
    link.rel = "noreferrer";
    link.target = "_blank";
    add("Link", link);
  }
}

// Returns the fits as curves in the picture's units.
function curvesOf(data, row) {
  const { named, fits, z } = data.lines, scale = data.scale[row];
  if (!fits || scale === null || z[row] === null) return [];
  const place = Object.fromEntries(data.lines.values.map((name, i) => [name, i]));
  return named.flatMap((line, i) => {
    const fit = fits[row][i], sigma = fit[place.sigma];
    if (fit[place.area] === null || fit[place.continuum] === null || !(sigma > 0)) return [];
    const observed = line.wavelength * (1 + z[row]), centre = observed / (1 + data.columns.z[row]);
    const peak = fit[place.area] / (Math.sqrt(2 * Math.PI) * observed * (sigma / LIGHT_SPEED)) / scale;
    const detected = fit[place.area] > data.lines.plane.detected * fit[place.area_err];
    return [{ centre, width: (centre * sigma) / LIGHT_SPEED, peak, level: fit[place.continuum] / scale, detected }];
  });
}

function sayUnits(data, row) {
  const unit = data.calibrated.includes(data.columns.survey[row]) ? "in 1e-17 erg/s/cm²" : "relative";
  return `Areas are ${unit}, equivalent widths as observed and positive in emission. Grey: not above ${data.lines.plane.detected} σ.`;
}

function fillLines(table, data, row) {
  const { named, values, fits } = data.lines;
  const head = element("tr");
  ["Line", "Area", "Error", "Area/error", "EW (Å)", "σ (km/s)"].forEach((text, i) => {
    const cell = element("th", text, i ? "" : "text");
    cell.scope = "col";
    head.append(cell);
  });
  table.tHead.replaceChildren(head);
  table.tBodies[0].replaceChildren();
  const place = Object.fromEntries(values.map((name, i) => [name, i]));
  named.forEach((line, i) => {
    const fit = fits[row][i];
    if (fit[place.area] === null) return;
    const ratio = fit[place.area_err] ? fit[place.area] / fit[place.area_err] : null;
    const made = element("tr", undefined, ratio > data.lines.plane.detected ? "" : "quiet");
    const name = element("th", line.label, "text");
    name.scope = "row";
    made.append(name, element("td", String(fit[place.area])), element("td", String(fit[place.area_err] ?? "–")));
    made.append(element("td", number(ratio, 1)), element("td", number(fit[place.ew], 2)), element("td", number(fit[place.sigma], 0)));
    table.tBodies[0].append(made);
  });
}
