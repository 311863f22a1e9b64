// expected: errors 7
function decodeUplink() {
  return { errors: new Proxy([], { get: (_, name) => (name === "length" ? 2 ** 53 : 7) }) };
}
