// expected: errors RangeError: BigInt is too large to allocate
function decodeUplink() {
  var number = 3n;
  for (;;) number *= number;
}
