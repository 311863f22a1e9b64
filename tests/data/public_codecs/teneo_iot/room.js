// Teneo IoT: a container's filling sensor and a traffic light of CO2. In both, a battery in tenths above 2 V comes
// first, and temperature and humidity, in hundredths, come last where there are any.
function number(bytes, at, size) {
  var value = 0;
  for (var i = 0; i < size; i++) value = value * 256 + bytes[at + i];
  return value;
}
function signed(value) {
  return value >= 0x8000 ? value - 0x10000 : value;
}
function decodeUplink(input) {
  var bytes = input.bytes;
  var air = { 8: 4, 10: 6 }[bytes.length];
  var data = { battery: ((bytes[0] & 15) + 20) / 10 };
  if (bytes.length === 3 || bytes.length === 4 || bytes.length === 8) data.distance = number(bytes, 1, 2);
  else if (bytes.length === 10) data.co2 = number(bytes, 2, 4) / 100;
  else return { errors: ["a frame of " + bytes.length + " bytes is not described"] };
  if (air !== undefined) {
    data.temperature = signed(number(bytes, air, 2)) / 100;
    data.relativeHumidity = number(bytes, air + 2, 2) / 100;
  }
  return { data: data };
}
