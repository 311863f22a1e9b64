// expected: errors TypeError: circular reference
function decodeUplink() {
  const data = {};
  data.data = data;
  return { data };
}
