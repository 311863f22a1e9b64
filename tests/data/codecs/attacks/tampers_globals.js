// expected: data {"a":1}
for (const name of Object.getOwnPropertyNames(globalThis)) {
  if (name !== "decodeUplink") {
    try {
      globalThis[name] = function () { throw new Error("tampered " + name); };
    } catch (_) {
      continue;
    }
  }
}
function decodeUplink(input) {
  return { data: { a: input.bytes[0] } };
}
