// A portrait that follows keypoints: a mesh of triangles in WebGL.

import { triangulate } from "./triangles.js";

const VERTEX = `
attribute vec2 place, origin;
uniform vec4 view;
varying vec2 texel;
void main() {
  vec2 seen = (place - view.xy) / view.zw;
  gl_Position = vec4(seen.x * 2.0 - 1.0, 1.0 - seen.y * 2.0, 0.0, 1.0);
  texel = origin;
}`;
const FRAGMENT = `
precision mediump float;
uniform sampler2D portrait;
varying vec2 texel;
void main() { gl_FragColor = texture2D(portrait, texel); }`;

/** Draws a portrait so that its keypoints move; its border stays. */
export class Warp {
  constructor(canvas, portrait, keypoints) {
    this.size = [portrait.width, portrait.height];
    const gl = canvas.getContext("webgl", { preserveDrawingBuffer: true });
    if (!gl) throw new Error("this browser has no WebGL: the portrait cannot be warped");
    this.gl = gl;
    const border = [0, 0.25, 0.5, 0.75].flatMap((t) => [[t, 0], [1, t], [1 - t, 1], [0, 1 - t]]);
    this.border = border.map(([x, y]) => [x * this.size[0], y * this.size[1]]);
    const points = [...keypoints, ...this.border];
    const corners = triangulate(points);
    this.index = Uint16Array.from(corners.flat());
    const program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
    gl.useProgram(program);
    this.view = gl.getUniformLocation(program, "view");
    const attribute = (name) => {
      const place = gl.getAttribLocation(program, name);
      gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
      gl.enableVertexAttribArray(place);
      gl.vertexAttribPointer(place, 2, gl.FLOAT, false, 0, 0);
    };
    attribute("origin");
    gl.bufferData(gl.ARRAY_BUFFER, this.#relative(points), gl.STATIC_DRAW);
    attribute("place");
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, this.index, gl.STATIC_DRAW);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, portrait);
    for (const [setting, value] of [
      [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE],
      [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE],
      [gl.TEXTURE_MIN_FILTER, gl.LINEAR],
    ]) gl.texParameteri(gl.TEXTURE_2D, setting, value);
  }

  #relative(points) {
    return Float32Array.from(points.flatMap(([x, y]) => [x / this.size[0], y / this.size[1]]));
  }

  /** Draws a part of the portrait with its keypoints at other places: x and y in turn, in its pixels. */
  draw(keypoints, { x, y, width, height }) {
    const { gl } = this;
    const [w, h] = this.size;
    gl.uniform4f(this.view, x / w, y / h, width / w, height / h);
    const points = Array.from({ length: keypoints.length / 2 }, (_, k) => [keypoints[2 * k], keypoints[2 * k + 1]]);
    gl.viewport(0, 0, gl.canvas.width, gl.canvas.height);
    gl.bufferData(gl.ARRAY_BUFFER, this.#relative([...points, ...this.border]), gl.DYNAMIC_DRAW);
    gl.drawElements(gl.TRIANGLES, this.index.length, gl.UNSIGNED_SHORT, 0);
  }
}
