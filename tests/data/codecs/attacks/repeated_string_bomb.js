// expected: stopped more memory
function decodeUplink() {
  return { data: { text: "x".repeat(2 ** 29) } };
}
