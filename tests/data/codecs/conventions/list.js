// expected: data [{"variable":"temperature","value":27.2,"date":"2026-11-24T06:52:09.123Z"}]
function decodeUplink(input) {
  var value = ((input.bytes[0] << 8) | input.bytes[1]) / 10;
  return { data: [{ variable: "temperature", value: value, date: input.recvTime.toISOString() }] };
}
