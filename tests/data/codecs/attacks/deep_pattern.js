// expected: any
function decodeUplink() {
  var pattern = "(".repeat(50000) + "a" + ")".repeat(50000);
  return { data: { found: new RegExp(pattern).test("a") } };
}
