// expected: stopped more memory
function decodeUplink() {
  return { data: { size: new Uint8Array(2 ** 31 - 1).fill(1).length } };
}
