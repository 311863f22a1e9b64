// expected: errors ["RangeError: dates in words are known for en-US and fr-FR and fr only, not for de-DE"]
function decodeUplink(input) {
  return { data: { at: input.recvTime.toLocaleDateString("de-DE") } };
}
