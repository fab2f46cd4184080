// What both pictures need: colours of the page, a canvas as sharp as the screen, axes.

const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif';

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// Returns the context of an empty canvas, in CSS pixels.
function cleared(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = FONT;
  return context;
}

// Returns round numbers from low to high, about as many as wanted.
function ticks(low, high, wanted) {
  const rough = (high - low) / Math.max(wanted, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((each) => each * power >= rough);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const found = [];
  for (let n = Math.ceil(low / step); n * step <= high; n++) found.push([n * step, (n * step).toFixed(digits)]);
  return found;
}

// Returns a linear map from values to positions.
function scaling(from, to, first, last) {
  return (value) => first + ((value - from) / (to - from)) * (last - first);
}

function drawAxes(context, box, x, y, xs, ys, xName, yName) {
  context.strokeStyle = colour("muted");
  context.fillStyle = colour("muted");
  context.lineWidth = 0.8;
  context.beginPath();
  context.moveTo(box.left, box.top);
  context.lineTo(box.left, box.bottom);
  context.lineTo(box.right, box.bottom);
  for (const [value] of xs) { context.moveTo(x(value), box.bottom); context.lineTo(x(value), box.bottom + 4); }
  for (const [value] of ys) { context.moveTo(box.left, y(value)); context.lineTo(box.left - 4, y(value)); }
  context.stroke();
  context.textBaseline = "top";
  context.textAlign = "center";
  for (const [value, text] of xs) context.fillText(text, x(value), box.bottom + 7);
  context.fillText(xName, (box.left + box.right) / 2, box.bottom + 23);
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const [value, text] of ys) context.fillText(text, box.left - 7, y(value));
  context.save();
  context.translate(9, (box.top + box.bottom) / 2);
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  context.fillText(yName, 0, 0);
  context.restore();
}
