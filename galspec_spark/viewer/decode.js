// The data of the page: galspec_spark/viewer/pixels.py and reconstruction.py say what the bytes are.

function bytesOf(text) {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Returns flux and noise of each pixel, NaN in gaps.
async function decodePixels(text, pixels, noise) {
  const bytes = await inflated(bytesOf(text));
  const header = new DataView(bytes.buffer);
  const step = header.getFloat32(0, true), least = header.getFloat32(4, true);
  const mask = 8, low = mask + Math.ceil(pixels / 8), high = low + pixels, levels = high + pixels;
  const flux = new Float32Array(pixels), sigma = new Float32Array(pixels);
  let steps = 0, level = 0;
  for (let i = 0; i < pixels; i++) {
    const folded = bytes[low + i] | (bytes[high + i] << 8);
    steps = ((steps + ((folded >>> 1) ^ -(folded & 1))) << 16) >> 16; // wraps like int16
    if (i % noise.bin === 0) level = (level + bytes[levels + i / noise.bin]) & 255;
    const isGood = bytes[mask + (i >> 3)] & (128 >> (i & 7));
    flux[i] = isGood ? steps * step : NaN;
    sigma[i] = isGood ? least * Math.exp(noise.step * level) : NaN;
  }
  return { flux, sigma };
}

// Returns a function from the number of a row to its reconstruction; null where it has none.
function reconstructions(stored, pixels) {
  if (!stored) return () => null;
  const vectors = new Int16Array(bytesOf(stored.vectors).buffer);
  const coefficients = new Float32Array(bytesOf(stored.coefficients).buffer);
  const number = stored.scales.length;
  return (row) => {
    if (Number.isNaN(coefficients[row * number])) return null;
    const sum = new Float32Array(pixels);
    for (let j = 0; j < number; j++) {
      const weight = coefficients[row * number + j] * stored.scales[j];
      for (let i = 0; i < pixels; i++) sum[i] += weight * vectors[j * pixels + i];
    }
    return sum;
  };
}
