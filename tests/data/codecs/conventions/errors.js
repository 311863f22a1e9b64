// expected: errors ["unknown type 1","{\"code\":7}","TypeError: odd","null","(no words)","Symbol(s)"]
function decodeUplink(input) {
  return { errors: ["unknown type " + input.bytes[0], { code: 7 }, new TypeError("odd"), null, "", Symbol("s")] };
}
