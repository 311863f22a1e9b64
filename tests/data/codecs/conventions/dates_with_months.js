// expected: errors ["RangeError: dates in words know no month that is long"]
function decodeUplink(input) {
  return { data: { at: input.recvTime.toLocaleDateString("en-US", { year: "numeric", month: "long", day: "numeric" }) } };
}
