/** Files that a person gives, made fit to be sent: what is no photo is said, what is too large is made smaller here. */

/** Long side of what is too large, tried in turn. */
const SIDES = [4096, 3072, 2048];
const QUALITY = 0.9;

/** @param {number} bytes */
export const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1).replace(".0", "")} MB`;

/**
 * Why a file is not worth reading, in one sentence; null when it is.
 * @param {{name: string, size: number, type: string}} file
 */
export function refusal({ name, size, type }) {
  if (size === 0) return `${name || "This file"} is empty, or a folder; choose a photo.`;
  if (!/^(video|audio|text)\//.test(type)) return null;
  return `${name || "This file"} is not a photo; choose a JPEG, PNG, WebP, HEIC or AVIF.`;
}

/**
 * At most maxBytes: the file itself, or a smaller JPEG of it with a sentence that says so. Raises Error, one sentence,
 * where the browser cannot read it.
 * @param {File} file
 * @param {number} maxBytes
 * @returns {Promise<{file: File, note: string | null}>}
 */
export async function fitted(file, maxBytes) {
  if (file.size <= maxBytes) return { file, note: null };
  const tooLarge = `${file.name} is ${megabytes(file.size)} and the limit is ${megabytes(maxBytes)}`;
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => {
    throw new Error(`${tooLarge}; this browser cannot make it smaller. Choose a smaller one.`);
  });
  try {
    for (const side of SIDES) {
      const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
      const [width, height] = [bitmap.width, bitmap.height].map((one) => Math.max(1, Math.round(one * scale)));
      const blob = await jpeg(bitmap, width, height);
      if (!blob || blob.size > maxBytes) continue;
      const name = `${file.name.replace(/\.\w+$/, "")}.jpg`;
      const note = `${file.name} was ${megabytes(file.size)}; it was made smaller, to ${width} × ${height} pixels.`;
      return { file: new File([blob], name, { type: "image/jpeg" }), note };
    }
  } finally {
    bitmap.close();
  }
  throw new Error(`${tooLarge}; choose a smaller one.`);
}

/** @param {ImageBitmap} bitmap @param {number} width @param {number} height @returns {Promise<Blob | null>} */
function jpeg(bitmap, width, height) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  if (context) {
    context.fillStyle = "#fff"; // what is transparent would be black
    context.fillRect(0, 0, width, height);
    context.drawImage(bitmap, 0, 0, width, height);
  }
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
}
