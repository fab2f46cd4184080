// Where curves and names go: blends of lines, and names side by side.

// Returns the fits by blend: lines within reach of a neighbour's 4 sigma, and where they begin and end.
function blendsOf(fits) {
  const blends = [];
  for (const fit of [...fits].sort((a, b) => a.centre - b.centre)) {
    const [from, to] = [fit.centre - 4 * fit.width, fit.centre + 4 * fit.width];
    const last = blends[blends.length - 1];
    if (last && from < last.to) {
      last.fits.push(fit);
      last.from = Math.min(last.from, from);
      last.to = Math.max(last.to, to);
    } else blends.push({ from, to, fits: [fit] });
  }
  return blends;
}

// Returns the flux under the lines of a blend: straight between their centres, level beyond.
function levelAt(fits, at) {
  const next = fits.findIndex((fit) => fit.centre > at);
  if (next < 0) return fits[fits.length - 1].level;
  if (next === 0) return fits[0].level;
  const [left, right] = [fits[next - 1], fits[next]];
  return left.level + ((at - left.centre) / (right.centre - left.centre)) * (right.level - left.level);
}

// Moves sorted positions apart to at least a gap, neighbours together around their mean.
function spread(positions, gap) {
  const blocks = [];
  positions.forEach((position, i) => {
    let mean = position - gap * i, size = 1;
    while (blocks.length && blocks[blocks.length - 1][0] > mean) {
      const [before, count] = blocks.pop();
      mean = (mean * size + before * count) / (size + count);
      size += count;
    }
    blocks.push([mean, size]);
  });
  return blocks.flatMap(([mean, size]) => Array(size).fill(mean)).map((mean, i) => mean + gap * i);
}
