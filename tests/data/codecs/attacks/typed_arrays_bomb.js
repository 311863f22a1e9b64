// expected: stopped more memory
function decodeUplink() {
  var kept = [];
  for (;;) kept.push(new Float64Array(1 << 14));
}
