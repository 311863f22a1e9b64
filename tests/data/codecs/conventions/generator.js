// expected: errors ["the codec is a generator; it must answer at once"]
function* decodeUplink() {
  yield { data: {} };
}
