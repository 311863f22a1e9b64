// expected: errors Error: no
function decodeUplink() {
  return { get data() { throw new Error("no"); } };
}
