// expected: stopped
function decodeUplink() {
  return { data: new Array(2 ** 32 - 1).fill(7) };
}
