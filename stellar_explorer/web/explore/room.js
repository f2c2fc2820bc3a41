/** How large the pictures may be, so that they and the concepts under them are on the first screen. */

export const GAP = 16;
const TITLE = 28; // a picture's name over it
const HEAD = 34; // of the concepts
const CHIPS_IN_A_ROW = 8;
const CHIP_GAP = 6;
/** A chip: its picture above its words where there is room, else beside them. */
const TALL = [76, 66, 56].map((picture) => ({ picture, whole: picture + 44 }));
const COMPACT = { picture: 48, whole: 56 };
const LEAST_HEIGHT = 100;
const WIDE = 2.2; // as many times wider than high: two by two, unless four in a row are much larger
const LARGER = 0.85;
const AS_LARGE = 0.98;
const MOST_HEIGHT = 640; // inside a page that grows with what it holds, the window's height is no bound
const LEAST_LARGE = 420;
const FOOT = 10; // free under the concepts
const PHONE = { share: 0.45, chip: { width: 104, height: 76 } };

/**
 * columns: pictures in a row; width, height: of each in CSS pixels; chip: the size of a concept's picture.
 * @typedef {{columns: number, width: number, height: number, chips: "tall" | "compact" | "phone",
 *   chipColumns: number, chip: {width: number, height: number}}} Arrangement
 *
 * width: of the tab; height: from the top of the pictures to the end of the screen; count: of concepts; isLarge: one
 * picture instead of four; isPhone: one picture at a time, as wide as the screen.
 * @param {{width: number, height: number, aspect: number, count: number, isLarge: boolean, isPhone: boolean}} room
 * @returns {Arrangement}
 */
export function arrange({ width, height, aspect, count, isLarge, isPhone }) {
  if (isPhone) {
    const size = within(width, height * PHONE.share, aspect);
    return { columns: 1, ...size, chips: "phone", chipColumns: count, chip: PHONE.chip };
  }
  const rows = Math.ceil(count / CHIPS_IN_A_ROW);
  const chipWidth = Math.floor((width + CHIP_GAP) / CHIPS_IN_A_ROW) - CHIP_GAP;
  const left = (/** @type {{whole: number}} */ chip) => height - HEAD - GAP - rows * (chip.whole + CHIP_GAP);
  const { fits: _, ...compact } = pictures(width, left(COMPACT), aspect, isLarge);
  for (const chip of TALL) {
    const { fits: fitsToo, ...tall } = pictures(width, left(chip), aspect, isLarge);
    if (!fitsToo || tall.height < AS_LARGE * compact.height) continue;
    return { ...tall, chips: "tall", chipColumns: CHIPS_IN_A_ROW, chip: { width: chipWidth, height: chip.picture } };
  }
  const side = COMPACT.picture;
  return { ...compact, chips: "compact", chipColumns: CHIPS_IN_A_ROW, chip: { width: side, height: side } };
}

/**
 * Four in a row, or two by two where they are larger so; or one.
 * @param {number} width @param {number} height @param {number} aspect @param {boolean} isLarge
 */
function pictures(width, height, aspect, isLarge) {
  if (isLarge) return { columns: 1, fits: true, ...within(width, Math.max(LEAST_LARGE, height - TITLE), aspect) };
  const [four, two] = [4, 2].map((columns) => {
    const rows = 4 / columns;
    const high = (height - rows * TITLE - (rows - 1) * GAP) / rows;
    const size = within((width - (columns - 1) * GAP) / columns, Math.max(LEAST_HEIGHT, high), aspect);
    return { columns, fits: size.height <= high, ...size };
  });
  return two.width > four.width * (aspect > WIDE ? LARGER : 1) ? two : four;
}

/** @param {number} width @param {number} height @param {number} aspect */
function within(width, height, aspect) {
  const wide = Math.floor(Math.max(1, Math.min(width, Math.min(height, MOST_HEIGHT) * aspect)));
  return { width: wide, height: Math.max(1, Math.round(wide / aspect)) };
}

export const isNarrow = () => matchMedia("(max-width: 640px)").matches;

/**
 * The room of the tab now: from the top of the pictures, what is folded out over them not counted.
 * @param {HTMLElement} root @param {HTMLElement} pictures @param {HTMLElement} folded
 */
export function roomFor(root, pictures, folded) {
  const isPhone = isNarrow();
  const gap = parseFloat(getComputedStyle(root).rowGap) || 0;
  const top = pictures.getBoundingClientRect().top + window.scrollY - (folded.hidden ? 0 : folded.offsetHeight + gap);
  return { width: Math.floor(root.clientWidth), height: window.innerHeight - (isPhone ? 0 : top + FOOT), isPhone };
}

/**
 * Calls when the tab is wider or narrower, or the window higher or lower.
 * @param {HTMLElement} root @param {() => void} change
 */
export function watchRoom(root, change) {
  let size = "";
  const check = () => {
    if (!root.clientWidth) return; // not open
    const now = `${root.clientWidth}/${window.innerHeight}`;
    if (size && now !== size) change();
    size = now;
  };
  new ResizeObserver(check).observe(root);
  window.addEventListener("resize", check);
}
