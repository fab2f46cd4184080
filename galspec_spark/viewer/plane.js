// The plane of two ratios of lines: all spectra of the page, and the chosen one.

const X_RANGE = [-1.6, 0.8], Y_RANGE = [-1.3, 1.5];

// Returns the place of each spectrum, null where a line was not detected.
function placesOnPlane(data) {
  const { named, values, fits, plane } = data.lines;
  if (!fits) return null;
  const area = values.indexOf("area"), error = values.indexOf("area_err");
  const lines = plane.lines.map((name) => named.findIndex((line) => line.name === name));
  return fits.map((fit) => {
    const areas = lines.map((line) => {
      const detected = fit[line][error] > 0 && fit[line][area] > plane.detected * fit[line][error];
      return detected ? fit[line][area] : NaN;
    });
    const place = [Math.log10(areas[0] / areas[1]), Math.log10(areas[2] / areas[3])];
    return place.some(Number.isNaN) ? null : place;
  });
}

function drawPlane(canvas, data, places, isAgn, chosen) {
  const context = cleared(canvas);
  const width = canvas.clientWidth, height = canvas.clientHeight;
  if (!places) return;
  const box = { left: 46, right: width - 8, top: 8, bottom: height - 42 };
  const x = scaling(...X_RANGE, box.left, box.right), y = scaling(...Y_RANGE, box.bottom, box.top);
  context.save();
  context.beginPath();
  context.rect(box.left, box.top, box.right - box.left, box.bottom - box.top);
  context.clip();
  context.globalAlpha = 0.6;
  places.forEach((place, row) => {
    if (!place) return;
    context.fillStyle = colour(isAgn(row) ? "agn" : "other");
    context.beginPath();
    context.arc(x(place[0]), y(place[1]), 2.2, 0, 2 * Math.PI);
    context.fill();
  });
  context.globalAlpha = 1;
  const { offset, slope } = data.lines.plane;
  context.strokeStyle = colour("muted");
  context.setLineDash([5, 4]);
  context.beginPath();
  for (const value of X_RANGE) context.lineTo(x(value), y(offset + slope * value));
  context.stroke();
  context.setLineDash([]);
  const place = places[chosen];
  if (place) {
    context.strokeStyle = colour("ink");
    context.fillStyle = colour(isAgn(chosen) ? "agn" : "other");
    context.lineWidth = 2;
    context.beginPath();
    context.arc(x(place[0]), y(place[1]), 6, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }
  context.restore();
  drawAxes(context, box, x, y, ticks(...X_RANGE, 5), ticks(...Y_RANGE, 5), "log [N II] 6583 / Hα", "log [O III] 5007 / Hβ");
}

function sayPlace(places, chosen, plane) {
  if (!places) return "The lines of these spectra were not measured: galspec measure does it.";
  const place = places[chosen];
  if (!place) return `Not on the plane: not all four lines are above ${plane.detected} σ.`;
  const side = place[1] > plane.offset + plane.slope * place[0] ? "above" : "below";
  return `At (${place.map((each) => each.toFixed(2)).join(", ")}), ${side} the line above which SUBCLASS is AGN. Dots: the other spectra, called AGN or not.`;
}
