// expected: errors ["the codec is asynchronous and gives a Promise; it must answer at once"]
async function decodeUplink() {
  return { data: {} };
}
