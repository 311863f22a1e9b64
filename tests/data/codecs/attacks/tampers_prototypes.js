// expected: data {"a":1}
for (const prototype of [Array.prototype, String.prototype, Function.prototype, Date.prototype, RegExp.prototype]) {
  for (const name of Object.getOwnPropertyNames(prototype)) {
    try {
      Object.defineProperty(prototype, name, { get() { throw new Error("tampered"); }, configurable: true });
    } catch (_) {
      continue;
    }
  }
}
function decodeUplink(input) {
  return { data: { a: input.bytes[0] }, warnings: ["still"] };
}
