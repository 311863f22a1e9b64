// expected: stopped needs more time
function decodeUplink() {
  return { data: { get a() { for (;;); } } };
}
