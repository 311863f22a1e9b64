// expected: stopped
function decodeUplink() {
  return { data: { at: Array.prototype.lastIndexOf.call(new Proxy({ length: 2 ** 53 - 1 }, {}), 1) } };
}
