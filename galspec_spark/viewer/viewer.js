// Puts the parts together: what is chosen is shown, and keys, buttons and links lead to it.

function start() {
  const data = JSON.parse(document.getElementById("data").textContent);
  const find = (id) => document.getElementById(id);
  const plot = new SpectrumPlot(find("spectrum"), data, (text) => { find("readout").textContent = text; });
  const modelOf = reconstructions(data.reconstruction, data.grid.pixels);
  const places = placesOnPlane(data);
  const isAgn = (row) => data.columns.class[row] === data.agn;
  let shown = null;

  async function choose(row) {
    shown = row;
    const name = data.columns.spectrum_id[row], text = data.pixels[row];
    find("name").textContent = name;
    find("verdict").textContent = sayVerdict(data, row);
    find("spectrum").setAttribute("aria-label", `Spectrum ${name} at rest: ${sayVerdict(data, row)}`);
    find("place").textContent = sayPlace(places, row, data.lines.plane);
    find("plane").setAttribute("aria-label", find("place").textContent);
    find("scale").textContent = sayScale(data, row);
    fillFacts(find("facts"), data, row);
    find("units").textContent = sayUnits(data, row);
    if (data.lines.fits) fillLines(find("lines").querySelector("table"), data, row);
    drawPlane(find("plane"), data, places, isAgn, row);
    history.replaceState(null, "", `#${encodeURIComponent(name)}`);
    const pixels = text === null ? null : await decodePixels(text, data.grid.pixels, data.noise);
    if (shown !== row) return; // another was chosen meanwhile
    plot.show(pixels && { ...pixels, model: modelOf(row), fits: curvesOf(data, row) });
    find("spectrum").dataset.shown = name;
  }

  const table = new SpectraTable(data, { head: find("head"), body: find("body"), box: find("rows"), count: find("count") }, choose);
  for (const [name, holds] of Object.entries(table.groups)) {
    const option = element("option", `${name} (${table.order.filter(holds).length})`);
    option.value = name;
    find("group").append(option);
  }
  find("lines").hidden = find("plane").hidden = !places;
  document.querySelector("#legend .model").hidden = !data.reconstruction;
  document.querySelector("#legend .fits").hidden = !places;

  function redraw() {
    plot.draw();
    if (shown !== null) drawPlane(find("plane"), data, places, isAgn, shown);
  }

  const acts = {
    in: () => plot.zoom(0.6), out: () => plot.zoom(1 / 0.6), left: () => plot.pan(-0.3), right: () => plot.pan(0.3), reset: () => plot.reset(),
  };
  find("zoom").addEventListener("click", (event) => {
    const { zoom, from, to } = event.target.dataset;
    if (zoom) acts[zoom](); else if (from) plot.setRange(Number(from), Number(to));
  });
  find("legend").addEventListener("change", (event) => {
    plot.layers[event.target.dataset.layer] = event.target.checked;
    plot.draw();
  });
  find("search").addEventListener("input", (event) => table.search(event.target.value));
  find("group").addEventListener("change", (event) => { table.group = event.target.value; table.update(); });
  find("download").addEventListener("click", () => save("spectra.csv", table.csv()));

  const keys = {
    ArrowDown: () => table.move(1), ArrowUp: () => table.move(-1), PageDown: () => table.move(10), PageUp: () => table.move(-10),
    "+": acts.in, "=": acts.in, "-": acts.out, ArrowLeft: acts.left, ArrowRight: acts.right, 0: acts.reset,
    "/": () => { find("search").focus(); find("search").select(); },
  };
  document.addEventListener("keydown", (event) => {
    const isSearch = event.target === find("search");
    if (event.ctrlKey || event.metaKey || event.altKey || event.target === find("group")) return;
    if (isSearch && event.key === "Escape") { find("search").blur(); return; }
    if (!keys[event.key] || (isSearch && !["ArrowDown", "ArrowUp"].includes(event.key))) return;
    event.preventDefault();
    keys[event.key]();
  });
  window.addEventListener("resize", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  window.addEventListener("hashchange", () => followLink());

  function followLink() {
    const row = data.columns.spectrum_id.findIndex((name) => encodeURIComponent(name) === location.hash.slice(1));
    table.select(row < 0 ? table.rows[0] : row);
  }
  plot.reset();
  followLink();
}

function sayScale(data, row) {
  const scale = data.scale[row];
  if (scale === null) return "";
  const unit = data.calibrated.includes(data.columns.survey[row]) ? " × 1e-17 erg/s/cm²/Å" : " in the survey's relative flux";
  return `1 in the picture is ${scale.toPrecision(4)}${unit}.`;
}

function save(name, text) {
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

start();
