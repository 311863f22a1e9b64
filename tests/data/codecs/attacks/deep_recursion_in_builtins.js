// expected: errors
function decodeUplink() {
  var text = { toString() { return "" + this; } };
  return { data: { text: [1, 2].sort(() => "" + text) } };
}
