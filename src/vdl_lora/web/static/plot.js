// A small plot of one quantity, drawn as SVG: a line, steps for what holds, bars for what was counted.
// It stretches to its place; strokes do not. Where nothing came for long there is no line.

import { sinceWhen, value } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 240;
const HEIGHT = 48;
const EDGE = 4;
const LONG_MS = 45 * 60_000;

/** Make an empty plot. */
export function makePlot() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("class", "plot");
  for (const name of ["base", "line", "last"]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", name);
    path.setAttribute("vector-effect", "non-scaling-stroke");
    svg.append(path);
  }
  return svg;
}

/** Draw points [ms, value] of a quantity from `from` to `until`; return what the plot says in words. */
export function drawPlot(svg, points, quantity, from, until) {
  const shown = points.filter(([at]) => at >= from);
  const words = inWords(shown, quantity);
  const [base, line, last] = svg.children;
  svg.setAttribute("aria-label", `${quantity.label}, ${sinceWhen(from, until)}\u00a0: ${words}`);
  if (!shown.length) {
    for (const path of [base, line, last]) path.setAttribute("d", "");
    return words;
  }
  const [low, high] = range(shown, quantity);
  const x = (at) => EDGE + ((at - from) / Math.max(until - from, 1)) * (WIDTH - 2 * EDGE);
  const y = (v) => (high === low ? HEIGHT / 2 : HEIGHT - EDGE - ((v - low) / (high - low)) * (HEIGHT - 2 * EDGE));
  const at = ([t, v]) => `${x(t).toFixed(1)} ${y(v).toFixed(1)}`;
  base.setAttribute("d", `M0 ${HEIGHT - 0.5}H${WIDTH}`);
  line.setAttribute("d", quantity.kind === "delta" ? bars(shown, x, y) : strokes(shown, quantity, x, y, at));
  last.setAttribute("d", `M${at(shown[shown.length - 1])}h0.01`);
  return words;
}

function strokes(points, quantity, x, y, at) {
  const steps = quantity.kind === "state" || quantity.kind === "event" || quantity.type === "bool";
  const gap = steps ? Infinity : longest(points);
  let path = `M${at(points[0])}`;
  for (let i = 1; i < points.length; i += 1) {
    if (points[i][0] - points[i - 1][0] > gap) path += `M${at(points[i])}`;
    else if (steps) path += `H${x(points[i][0]).toFixed(1)}V${y(points[i][1]).toFixed(1)}`;
    else path += `L${at(points[i])}`;
  }
  return path;
}

function bars(points, x, y) {
  return points.map(([t, v]) => `M${x(t).toFixed(1)} ${HEIGHT - 0.5}V${y(v).toFixed(1)}`).join("");
}

/** How long a silence may be that a line crosses: a few times what is usual here. */
function longest(points) {
  const steps = points.slice(1).map(([t], i) => t - points[i][0]).sort((a, b) => a - b);
  return Math.max(4 * (steps[Math.floor(steps.length / 2)] ?? 0), LONG_MS);
}

function range(points, quantity) {
  if (quantity.type === "bool") return [0, 1];
  let low = Infinity;
  let high = -Infinity;
  for (const [, v] of points) {
    low = Math.min(low, v);
    high = Math.max(high, v);
  }
  return quantity.kind === "delta" ? [0, Math.max(high, 1)] : [low, high];
}

function inWords(points, quantity) {
  if (!points.length) return "aucune valeur";
  const values = points.map(([, v]) => v);
  const low = Math.min(...values);
  const high = Math.max(...values);
  if (quantity.type === "bool") {
    return low === high ? `toujours ${value(low, quantity)}` : `${value(0, quantity)} et ${value(1, quantity)}`;
  }
  if (low === high) return `stable, ${value(low, quantity)}`;
  if (quantity.kind === "delta") return `jusqu’à ${value(high, quantity)}`;
  return `de ${value(low, { ...quantity, unit: "" })} à ${value(high, quantity)}`;
}
