// expected: data {"reads":1}
let reads = 0;
function decodeUplink() {
  return { get data() { reads += 1; return { reads }; } };
}
