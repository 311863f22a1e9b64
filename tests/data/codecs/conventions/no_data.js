// expected: data
function decodeUplink() {
  return {};
}
