// A portrait and its keypoints.

/** Returns the keypoints [[x, y], …] of the first face in a file of `kp-io annotate` (COCO's JSON). */
export function readKeypoints(text, count) {
  let faces;
  try {
    faces = JSON.parse(text);
  } catch {
    throw new Error("expected keypoints as JSON");
  }
  const flat = (faces.annotations ?? faces)[0]?.keypoints;
  if (!Array.isArray(flat) || flat.length !== 3 * count) {
    throw new Error(`expected ${count} keypoints as kp-io annotate writes them, x, y and visibility each`);
  }
  return Array.from({ length: count }, (_, k) => [flat[3 * k], flat[3 * k + 1]]);
}

/** Asks the server of this page, if it is `a2k serve`, for the keypoints of a portrait. */
export async function findKeypoints(file) {
  const form = new FormData();
  form.append("portrait", file);
  let answer = null;
  try {
    answer = await fetch("v1/face", { method: "POST", body: form });
  } catch {
    // No server: the same as one that finds no faces.
  }
  const body = answer?.headers.get("Content-Type")?.startsWith("application/json") ? await answer.json() : null;
  if (answer?.ok && body) return body.face;
  throw new Error(body?.error?.message ?? "now choose the keypoints of the portrait: kp-io annotate face.png -o face.json");
}
