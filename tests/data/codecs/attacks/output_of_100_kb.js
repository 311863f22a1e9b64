// expected: errors the answer has 100011 characters, at most 65536 are taken
function decodeUplink() {
  return { data: { text: "x".repeat(100000) } };
}
