// expected: errors RangeError: Maximum call stack size exceeded
function decodeUplink(input) {
  return decodeUplink(input);
}
