// expected: errors xxxxxxxx
function decodeUplink() {
  return { errors: Array.from({ length: 1000 }, () => "x".repeat(1000)) };
}
