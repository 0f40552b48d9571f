// Reads the metadata of an ONNX file, which onnxruntime-web does not show.
// A file is a message of Protocol Buffers; its field 14 holds the entries, each a key (1) and a value (2).

/** Yields the fields of a message: number and, for texts and messages, the bytes. */
function* fields(bytes) {
  let at = 0;
  const varint = () => {
    let value = 0, factor = 1, byte;
    do {
      byte = bytes[at++];
      value += (byte & 127) * factor;
      factor *= 128;
    } while (byte > 127);
    return value;
  };
  while (at < bytes.length) {
    const key = varint();
    const kind = key % 8;
    let content = null;
    if (kind === 0) varint();
    else if (kind === 1) at += 8;
    else if (kind === 5) at += 4;
    else if (kind === 2) {
      const length = varint();
      content = bytes.subarray(at, at + length);
      at += length;
    } else throw new Error("expected an ONNX file, got something else");
    yield [Math.floor(key / 8), content];
  }
}

/** Returns the metadata of an ONNX file as an object of strings. */
export function readMetadata(bytes) {
  const text = new TextDecoder();
  const found = {};
  for (const [number, content] of fields(bytes)) {
    if (number !== 14 || content === null) continue;
    const entry = {};
    for (const [part, value] of fields(content)) entry[part] = text.decode(value);
    found[entry[1]] = entry[2] ?? "";
  }
  if (found.streaming !== "1") throw new Error("expected a model written by: a2k export --streaming");
  return found;
}
