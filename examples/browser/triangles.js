// The triangles between points (Delaunay), by the method of Bowyer and Watson.

/** Returns a function that says whether a point lies in the circle around a triangle. */
function circle([ax, ay], [bx, by], [cx, cy]) {
  const d = 2 * (ax * (by - cy) + bx * (cy - ay) + cx * (ay - by));
  const [a, b, c] = [ax * ax + ay * ay, bx * bx + by * by, cx * cx + cy * cy];
  const x = (a * (by - cy) + b * (cy - ay) + c * (ay - by)) / d;
  const y = (a * (cx - bx) + b * (ax - cx) + c * (bx - ax)) / d;
  const square = (ax - x) ** 2 + (ay - y) ** 2;
  return ([px, py]) => (px - x) ** 2 + (py - y) ** 2 < square;
}

/** Returns the triangles of points [x, y], each as three indices. */
export function triangulate(points) {
  const count = points.length;
  const far = 1e4 * (1 + Math.max(...points.flat().map(Math.abs)));
  const all = [...points, [-far, -far], [far, -far], [0, far]];
  const make = (corners) => ({ corners, holds: circle(...corners.map((corner) => all[corner])) });
  let triangles = [make([count, count + 1, count + 2])];
  for (let index = 0; index < count; index++) {
    const edges = new Map();
    triangles = triangles.filter(({ corners, holds }) => {
      if (!holds(all[index])) return true;
      for (let k = 0; k < 3; k++) {
        const edge = [corners[k], corners[(k + 1) % 3]];
        const name = [...edge].sort((x, y) => x - y).join();
        if (!edges.delete(name)) edges.set(name, edge); // one of two triangles is inside the hole
      }
      return false;
    });
    for (const edge of edges.values()) triangles.push(make([...edge, index]));
  }
  return triangles.map(({ corners }) => corners).filter((corners) => corners.every((corner) => corner < count));
}
