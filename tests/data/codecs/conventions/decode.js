// expected: data {"value":272,"port":85,"offset":-0.5}
function Decode(fPort, bytes, variables) {
  return { value: (bytes[0] << 8) | bytes[1], port: fPort, offset: variables.offset };
}
