// expected: errors ["bad frame"]
function Decoder() {
  throw "bad frame";
}
