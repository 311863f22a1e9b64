// expected: stopped needs more time
function decodeUplink() {
  return { data: { found: /^(([a-z])+.)+[A-Z]([a-z])+$/.test("a".repeat(60)) } };
}
