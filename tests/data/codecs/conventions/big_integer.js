// expected: errors ["TypeError: BigInt are forbidden in JSON.stringify"]
function decodeUplink() {
  return { data: { total: 1n } };
}
