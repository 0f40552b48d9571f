// The lines of an iBUG-68 face on a canvas.

const LINES = [
  [0, 16, false], [17, 21, false], [22, 26, false], [27, 30, false], [31, 35, false],
  [36, 41, true], [42, 47, true], [48, 59, true], [60, 67, true],
];

/** How much is shown around a face, in its own sizes, and how far above its middle: hair has no keypoints. */
const [AROUND, ABOVE] = [1.9, 0.1];

/**
 * Returns the square of a picture to show, a face [[x, y], …] and what is around it: x, y, width and height.
 * Without a portrait, it may lie outside.
 */
export function squareAround({ keypoints, width, height, portrait }) {
  const [left, right, top, bottom] = [0, 1].flatMap((axis) => {
    const values = keypoints.map((point) => point[axis]);
    return [Math.min(...values), Math.max(...values)];
  });
  const extent = Math.max(right - left, bottom - top);
  const size = portrait ? Math.min(AROUND * extent, width, height) : AROUND * extent;
  const inside = (begin, length) => (portrait ? Math.max(0, Math.min(begin, length - size)) : begin);
  const x = inside((left + right - size) / 2, width);
  const y = inside((top + bottom - size) / 2 - ABOVE * extent, height);
  return { x, y, width: size, height: size };
}

/** Draws keypoints, x and y in turn, as far as they lie in a part of the picture; returns nothing. */
export function drawFace(canvas, keypoints, { x, y, width, height }) {
  const context = canvas.getContext("2d");
  const scale = Math.min(canvas.width / width, canvas.height / height);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.save();
  context.translate((canvas.width - scale * width) / 2, (canvas.height - scale * height) / 2);
  context.scale(scale, scale);
  context.translate(-x, -y);
  context.lineWidth = Math.max(2 / scale, 0.009 * width);
  context.lineJoin = context.lineCap = "round";
  context.strokeStyle = getComputedStyle(canvas).color;
  for (const [first, last, closed] of LINES) {
    context.beginPath();
    for (let point = first; point <= last; point++) context.lineTo(keypoints[2 * point], keypoints[2 * point + 1]);
    if (closed) context.closePath();
    context.stroke();
  }
  context.restore();
}
