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
export function refusal(file) {
  const name = file.name || "This file";
  if (file.size === 0) return `${name} is empty, or a folder; choose a photo.`;
  if (/^(video|audio|text)\//.test(file.type)) return `${name} is not a photo; choose a JPEG, PNG, WebP, HEIC or AVIF.`;
  return null;
}

/**
 * What was dropped or pasted: its files, and sentences for what cannot be taken.
 * @param {DataTransfer | null} transfer
 * @returns {{files: File[], refused: string[]}}
 */
export function filesOf(transfer) {
  const items = [...(transfer?.items ?? [])].filter(({ kind }) => kind === "file");
  const folders = items.map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry?.isDirectory);
  const refused = folders.map((entry) => `${entry?.name} is a folder; drop its photos, or add the folder to search in it under Retrieve.`);
  const names = new Set(folders.map((entry) => entry?.name));
  return { files: [...(transfer?.files ?? [])].filter((file) => !names.has(file.name)), refused };
}

/** What a pasted text is, in one sentence, where somebody meant a photo by it; null otherwise. @param {string} text */
export function refusalOfText(text) {
  if (!/^(https?:\/\/|data:image\/)\S+$/i.test(text.trim())) return null;
  return "That is the address of a picture; the page opens none. Save the picture and drop it here, or copy the picture itself and paste it.";
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
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new Error(`${tooLarge}; this browser cannot make it smaller. Choose a smaller one.`);
  }
  for (const side of SIDES) {
    const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
    const [width, height] = [Math.round(bitmap.width * scale), Math.round(bitmap.height * scale)];
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width, height });
    canvas.getContext("2d")?.drawImage(bitmap, 0, 0, width, height);
    /** @type {Blob | null} */
    const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
    if (blob && blob.size <= maxBytes) {
      bitmap.close();
      const name = file.name.replace(/\.\w+$/, "") + ".jpg";
      return { file: new File([blob], name, { type: "image/jpeg" }), note: `${file.name} was ${megabytes(file.size)}; it was made smaller, to ${width} × ${height} pixels.` };
    }
  }
  bitmap.close();
  throw new Error(`${tooLarge}; choose a smaller one.`);
}
