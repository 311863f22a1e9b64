// Talkpool OY1110, OY1210 and OY1700: twelve bits of temperature and twelve of humidity share three bytes; then what
// the model adds. On fPort 3 a byte stands before several samples, of which the first is the newest.
function word(bytes, at) {
  return (bytes[at] << 8) | bytes[at + 1];
}
function decodeUplink(input) {
  var bytes = input.fPort === 3 ? input.bytes.slice(1, 4) : input.bytes;
  if ([3, 5, 9].indexOf(bytes.length) < 0) return { errors: ["a frame of " + bytes.length + " bytes is not described"] };
  var data = {
    Temperature: (((bytes[0] << 4) | (bytes[2] >> 4)) - 800) / 10,
    RelativeHumidity: (((bytes[1] << 4) | (bytes[2] & 15)) - 250) / 10,
  };
  if (bytes.length === 5) data.CO2 = word(bytes, 3);
  if (bytes.length === 9) {
    data.PM1_0 = word(bytes, 3);
    data.PM2_5 = word(bytes, 5);
    data.PM_10 = word(bytes, 7);
  }
  return { data: data };
}
