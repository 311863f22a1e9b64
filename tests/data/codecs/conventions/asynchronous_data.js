// expected: errors ["data is a Promise; a codec must answer at once"]
function decodeUplink() {
  return { data: Promise.resolve({}) };
}
