// expected: errors ["RangeError: dates in words are known for UTC and Europe/Paris only, not for America/New_York"]
function decodeUplink(input) {
  return { data: { at: input.recvTime.toLocaleString("en-US", { timeZone: "America/New_York" }) } };
}
