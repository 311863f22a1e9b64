// expected: data {"temperature":27.2,"port":85,"at":"2026-11-24T06:52:09.123Z","offset":-0.5}
function decodeUplink(input) {
  return {
    data: {
      temperature: ((input.bytes[0] << 8) | input.bytes[1]) / 10,
      port: input.fPort,
      at: input.recvTime,
      offset: input.variables.offset,
    },
    errors: [],
    warnings: [],
  };
}
