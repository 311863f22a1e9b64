// expected: errors ["it has no entry point: it must define decodeUplink(input), or Decoder(bytes, port), or Decode(fPort, bytes, variables)"]
function decode_uplink() {}
