// expected: any
function decodeUplink() {
  return { data: { a: (0, eval)("[".repeat(100000)), b: JSON.parse("[".repeat(100000)) } };
}
