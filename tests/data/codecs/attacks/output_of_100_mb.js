// expected: stopped more memory
function decodeUplink() {
  var part = "x".repeat(1 << 20);
  return { data: Array.from({ length: 100 }, () => part) };
}
