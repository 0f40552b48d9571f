// The lines of an iBUG-68 face on a canvas.

const LINES = [
  [0, 16, false], [17, 21, false], [22, 26, false], [27, 30, false], [31, 35, false],
  [36, 41, true], [42, 47, true], [48, 59, true], [60, 67, true],
];

/** Draws keypoints, x and y in turn, that lie in a picture of a size; returns nothing. */
export function drawFace(canvas, keypoints, { width, height }) {
  const context = canvas.getContext("2d");
  const scale = Math.min(canvas.width / width, canvas.height / height);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.save();
  context.translate((canvas.width - scale * width) / 2, (canvas.height - scale * height) / 2);
  context.scale(scale, scale);
  context.lineWidth = Math.max(2 / scale, 0.006 * width);
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
