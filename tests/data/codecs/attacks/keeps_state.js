// expected: data {"calls":1}
var calls = 0;
function decodeUplink() {
  calls += 1;
  globalThis.spill = Array.prototype.spill = calls;
  return { data: { calls } };
}
