// expected: data {"value":272,"port":85}
function Decoder(bytes, port) {
  var decoded = {};
  decoded.value = (bytes[0] << 8) | bytes[1];
  decoded.port = port;
  return decoded;
}
