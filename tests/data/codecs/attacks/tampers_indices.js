// expected: any
Object.defineProperty(Array.prototype, 0, { set() { throw new Error("tampered"); }, configurable: true });
function decodeUplink(input) {
  return { data: { a: input.bytes[0] }, warnings: ["still"] };
}
