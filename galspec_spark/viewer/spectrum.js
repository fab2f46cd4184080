// The picture of a spectrum at rest, which zooms along the wavelength.

const LIGHT_SPEED = 299792.458; // km/s
const NAMES_HEIGHT = 88, NAMES_GAP = 14, LEAST_RANGE = 20; // CSS pixels, and A

class SpectrumPlot {
  constructor(canvas, data, tell) {
    this.canvas = canvas;
    this.data = data;
    this.tell = tell; // gets the text of what is under the pointer
    const { loglam0, step, pixels } = data.grid;
    this.wavelength = Float64Array.from({ length: pixels }, (_, i) => 10 ** (loglam0 + step * i));
    this.whole = [this.wavelength[0], this.wavelength[pixels - 1]];
    this.range = [...this.whole];
    this.layers = { flux: true, noise: true, model: true, fits: true };
    this.shown = null;
    this.drag = null;
    this._listen();
  }

  // Shows { flux, sigma, model, fits }; null for a spectrum without pixels. The zoom stays.
  show(shown) {
    this.shown = shown;
    this.draw();
  }

  setRange(from, to) {
    const [low, high] = this.whole;
    const width = Math.min(Math.max(to - from, LEAST_RANGE), high - low);
    const start = Math.min(Math.max((from + to - width) / 2, low), high - width);
    this.range = [start, start + width];
    this.canvas.dataset.range = this.range.map((each) => each.toFixed(1)).join(" ");
    this.draw();
  }

  zoom(factor, at = (this.range[0] + this.range[1]) / 2) {
    const [from, to] = this.range;
    this.setRange(at - (at - from) * factor, at + (to - at) * factor);
  }

  pan(share) {
    const [from, to] = this.range;
    this.setRange(from + share * (to - from), to + share * (to - from));
  }

  reset() {
    this.setRange(...this.whole);
  }

  draw() {
    const context = cleared(this.canvas);
    const width = this.canvas.clientWidth, height = this.canvas.clientHeight;
    const box = { left: 52, right: width - 8, top: NAMES_HEIGHT, bottom: height - 42 };
    this.box = box;
    if (!this.shown) {
      context.fillStyle = colour("muted");
      context.textAlign = "center";
      context.fillText("This spectrum has no usable pixel.", width / 2, height / 2);
      return;
    }
    const [low, high] = this._heights();
    const x = scaling(...this.range, box.left, box.right), y = scaling(low, high, box.bottom, box.top);
    this.x = x;
    const xs = ticks(...this.range, (box.right - box.left) / 90), ys = ticks(low, high, (box.bottom - box.top) / 45);
    this._drawNames(context, x, box);
    context.save();
    context.beginPath();
    context.rect(box.left, box.top - 2, box.right - box.left, box.bottom - box.top + 2);
    context.clip();
    const { flux, sigma, model } = this.shown;
    if (this.layers.noise) this._band(context, x, y, flux, sigma);
    if (model && this.layers.model) this._curve(context, x, y, model, colour("accent"), 2.4);
    if (this.layers.flux) this._curve(context, x, y, flux, colour("ink"), 1);
    if (this.layers.fits) this._drawFits(context, x, y);
    this._drawDrag(context, box);
    context.restore();
    drawAxes(context, box, x, y, xs, ys, "Rest-frame wavelength (Å, vacuum)", "Flux (normalised)");
  }

  _inView() {
    const [from, to] = this.range, { loglam0, step, pixels } = this.data.grid;
    const place = (angstrom) => (Math.log10(angstrom) - loglam0) / step;
    return [Math.max(0, Math.floor(place(from))), Math.min(pixels - 1, Math.ceil(place(to)))];
  }

  // Leaves out 0.2 % of the pixels at either end: cosmic rays and sky.
  _heights() {
    const [first, last] = this._inView();
    const values = this.shown.flux.slice(first, last + 1).filter((each) => !Number.isNaN(each)).sort();
    if (!values.length) return [0, 1];
    const outside = Math.floor(0.002 * values.length);
    let low = values[outside], high = values[values.length - 1 - outside];
    for (const fit of this.shown.fits) {
      const inView = fit.centre > this.range[0] && fit.centre < this.range[1];
      if (this.layers.fits && inView && fit.detected) high = Math.max(high, fit.level + fit.peak);
    }
    const margin = 0.08 * (high - low) || 1;
    return [low - margin, high + margin];
  }

  _curve(context, x, y, values, ink, width) {
    const [first, last] = this._inView();
    context.strokeStyle = ink;
    context.lineWidth = width;
    context.lineJoin = "round";
    context.beginPath();
    let isDown = false;
    for (let i = first; i <= last; i++) {
      if (Number.isNaN(values[i])) { isDown = false; continue; }
      const place = [x(this.wavelength[i]), y(values[i])];
      if (isDown) context.lineTo(...place); else context.moveTo(...place);
      isDown = true;
    }
    context.stroke();
  }

  _band(context, x, y, flux, sigma) {
    const [first, last] = this._inView();
    context.fillStyle = colour("band");
    for (let i = first; i <= last; i++) {
      if (Number.isNaN(flux[i])) continue;
      const left = x(this.wavelength[i] * 0.99988), right = x(this.wavelength[i] * 1.00012);
      const top = y(flux[i] + sigma[i]), bottom = y(flux[i] - sigma[i]);
      context.fillRect(left, top, Math.max(right - left, 1), bottom - top);
    }
  }

  // Draws lines that overlap, such as [N II] and H alpha, as one curve.
  _drawFits(context, x, y) {
    for (const blend of blendsOf(this.shown.fits)) {
      const { from, to, fits } = blend;
      if (to < this.range[0] || from > this.range[1]) continue;
      context.strokeStyle = colour("agn");
      context.globalAlpha = fits.some((fit) => fit.detected) ? 1 : 0.4;
      context.lineWidth = 1.5;
      context.beginPath();
      for (let n = 0; n <= 60 * fits.length; n++) {
        const at = from + ((to - from) * n) / (60 * fits.length);
        let height = levelAt(fits, at);
        for (const fit of fits) height += fit.peak * Math.exp(-0.5 * ((at - fit.centre) / fit.width) ** 2);
        context.lineTo(x(at), y(height));
      }
      context.stroke();
      context.globalAlpha = 1;
    }
  }

  _drawNames(context, x, box) {
    const lines = this.data.lines, room = (box.right - box.left) / NAMES_GAP;
    const inView = ([wavelength]) => wavelength > this.range[0] && wavelength < this.range[1];
    const emission = lines.named.map((line) => [line.wavelength, line.label, "ink"]).filter(inView);
    const absorption = lines.absorption.map(([name, wavelength]) => [wavelength, name, "muted"]).filter(inView);
    const names = emission.length + absorption.length < room ? [...emission, ...absorption] : emission;
    names.sort((a, b) => a[0] - b[0]);
    const places = spread(names.map(([wavelength]) => x(wavelength)), NAMES_GAP);
    names.forEach(([wavelength, name, ink], i) => {
      context.strokeStyle = context.fillStyle = colour(ink);
      context.lineWidth = 0.8;
      context.globalAlpha = 0.3;
      context.beginPath();
      context.moveTo(x(wavelength), box.bottom);
      context.lineTo(x(wavelength), box.top);
      context.lineTo(places[i], box.top - 10);
      context.stroke();
      context.globalAlpha = 1;
      context.save();
      context.translate(places[i], box.top - 13);
      context.rotate(-Math.PI / 2);
      context.font = FONT.replace("12px", "11px");
      context.textAlign = "left";
      context.textBaseline = "middle";
      context.fillText(name, 0, 0);
      context.restore();
    });
  }

  _drawDrag(context, box) {
    if (!this.drag) return;
    context.fillStyle = colour("accent");
    context.globalAlpha = 0.18;
    context.fillRect(this.drag.from, box.top, this.drag.to - this.drag.from, box.bottom - box.top);
    context.globalAlpha = 1;
  }

  _angstrom(pixel) {
    return scaling(this.box.left, this.box.right, ...this.range)(pixel);
  }

  _listen() {
    const canvas = this.canvas;
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(0.0015 * event.deltaY), this._angstrom(event.offsetX));
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.drag = { from: event.offsetX, to: event.offsetX };
    });
    canvas.addEventListener("pointermove", (event) => {
      this._tellAt(event.offsetX);
      if (!this.drag) return;
      this.drag.to = event.offsetX;
      this.draw();
    });
    canvas.addEventListener("pointerup", () => {
      const drag = this.drag;
      this.drag = null;
      if (!drag) return;
      const [from, to] = [drag.from, drag.to].sort((a, b) => a - b);
      if (to - from > 6) this.setRange(this._angstrom(from), this._angstrom(to)); else this.draw();
    });
    canvas.addEventListener("pointercancel", () => { this.drag = null; this.draw(); });
    canvas.addEventListener("pointerleave", () => this.tell(""));
    canvas.addEventListener("dblclick", () => this.reset());
  }

  _tellAt(pixel) {
    if (!this.shown) return;
    const { loglam0, step, pixels } = this.data.grid, { flux, sigma, model } = this.shown;
    const i = Math.round((Math.log10(this._angstrom(pixel)) - loglam0) / step);
    if (!(i >= 0 && i < pixels)) return this.tell("");
    const measured = Number.isNaN(flux[i]) ? "no information" : `flux ${flux[i].toPrecision(4)} ± ${sigma[i].toPrecision(2)}`;
    const held = model ? ` · model ${model[i].toPrecision(4)}` : "";
    this.tell(`${this.wavelength[i].toFixed(1)} Å · ${measured}${held}`);
  }
}
