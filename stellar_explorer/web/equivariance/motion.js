/**
 * A picture moved in the browser, while the server encodes: the same motions as in
 * stellar_explorer/equivariance/changes.py.
 */

const UNSEEN = "rgb(18 16 14 / 0.62)";

/**
 * change and amount as the server has them; the amount may lie between two steps. imageWidth: as the model sees it.
 * @typedef {{change: string, amount: number, imageWidth: number}} Motion
 */

/**
 * From the places of the still picture, in pixels of a canvas, to those of the moved one.
 * @param {Motion} motion @param {number} width @param {number} height
 */
export function motionMatrix({ change, amount, imageWidth }, width, height) {
  const middle = new DOMMatrix().translate(width / 2, height / 2);
  const back = new DOMMatrix().translate(-width / 2, -height / 2);
  if (change === "shift") return new DOMMatrix().translate((amount * width) / imageWidth, 0);
  if (change === "turn") return middle.rotate(amount).multiply(back);
  if (change === "crop") return middle.scale(100 / (100 - amount)).multiply(back);
  const across = 1 - 2 * amount; // half-way a flipped photo is seen from its edge
  return middle.scale(Math.abs(across) < 0.02 ? 0.02 : across, 1).multiply(back);
}

/** A picture and its mirror images beside it, without end: what comes in over the border. */
export class MirroredPicture {
  constructor() {
    this.tile = document.createElement("canvas");
    this.context = /** @type {CanvasRenderingContext2D} */ (this.tile.getContext("2d"));
    this.key = "";
  }

  /**
   * paint draws the still picture; key changes when it does.
   * @param {string} key @param {number} width @param {number} height
   * @param {(context: CanvasRenderingContext2D) => void} paint
   */
  set(key, width, height, paint) {
    const wanted = `${key}/${width}/${height}`;
    if (wanted === this.key) return;
    this.key = wanted;
    this.tile.width = 2 * width;
    this.tile.height = 2 * height;
    const { context } = this;
    paint(context);
    for (const [x, y] of [[-1, 1], [1, -1], [-1, -1]]) {
      context.setTransform(x, 0, 0, y, x < 0 ? 2 * width : 0, y < 0 ? 2 * height : 0);
      context.drawImage(this.tile, 0, 0, width, height, 0, 0, width, height);
    }
  }

  /** @param {CanvasRenderingContext2D} context @param {DOMMatrix} matrix */
  draw(context, matrix) {
    const { width, height } = context.canvas;
    const pattern = /** @type {CanvasPattern} */ (context.createPattern(this.tile, "repeat"));
    pattern.setTransform(matrix);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.fillStyle = pattern;
    context.fillRect(0, 0, width, height);
  }
}

/**
 * Darken what is not in the photo before: its mirror image alone lies there.
 * @param {CanvasRenderingContext2D} context @param {DOMMatrix} matrix
 */
export function veilUnseen(context, matrix) {
  const { width, height } = context.canvas;
  const corners = [[0, 0], [width, 0], [width, height], [0, height]];
  const path = new Path2D();
  path.rect(0, 0, width, height);
  corners.map(([x, y]) => matrix.transformPoint({ x, y }))
    .forEach(({ x, y }, place) => (place ? path.lineTo(x, y) : path.moveTo(x, y)));
  path.closePath();
  context.fillStyle = UNSEEN;
  context.fill(path, "evenodd");
}
