// expected: errors ["unknown"]
function decodeUplink() {
  return { data: {}, errors: "unknown" };
}
