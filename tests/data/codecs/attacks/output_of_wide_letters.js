// expected: errors the answer has 180011 bytes, at most 65536 are taken
function decodeUplink() {
  return { data: { text: "\u20ac".repeat(60000) } };
}
