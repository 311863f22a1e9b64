// expected: any
// Source: quickjs-ng issue 1571, which crashes 0.15.
function decodeUplink() {
  var text = "a".repeat(50000);
  return { data: { size: RegExp.escape(text + text).length } };
}
