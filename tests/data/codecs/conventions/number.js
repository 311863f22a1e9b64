// expected: errors ["data is a number, not an object or a list"]
function Decoder(bytes) {
  return bytes[0];
}
